// SPDX-License-Identifier: Apache-2.0
// The model-local functions of our own files. Internal to the frontend.
#pragma once

#include <cstdint>
#include <string_view>

namespace onnx {
class FunctionProto;
}

namespace openhb::onnx_frontend {

inline constexpr std::string_view kOwnDomain = "horizon";
inline constexpr int64_t kOwnDomainVersion = 1;
// The first IR version with model-local functions.
inline constexpr int64_t kFunctionIrVersion = 8;

// Whether `op` of the domain "horizon" is one of ours.
bool is_own_function(std::string_view op);
// Whether `op` of the domain "horizon" is one of our operators that no function defines: stock runtimes can
// show, but not run it.
bool is_own_operator(std::string_view op);
// The definition of `op` for a model of the given opset. `op` must be one of ours.
void define_function(std::string_view op, int64_t opset, onnx::FunctionProto& function);

}  // namespace openhb::onnx_frontend
