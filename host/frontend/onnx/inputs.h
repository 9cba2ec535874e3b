// SPDX-License-Identifier: Apache-2.0
// Names and shapes of the network's inputs. Internal to the frontend: needs the ONNX headers before it.
#pragma once

#include <span>
#include <string>

#include "common/shape.h"
#include "host/frontend/onnx/onnx.h"

namespace onnx {
class ValueInfoProto;
}

namespace openhb::onnx_frontend {

// The shape of an input: the user's when given, else the model's with a dynamic leading dimension as 1.
// Error(model_dynamic_shape) for other dynamic dimensions.
Shape resolve_input_shape(const onnx::ValueInfoProto& input, const ImportOptions& options);

// Error(config_bad_value) when a shape is given for an input that the model does not have.
void check_input_names(const ImportOptions& options, std::span<const std::string> names);

}  // namespace openhb::onnx_frontend
