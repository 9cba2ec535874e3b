// SPDX-License-Identifier: Apache-2.0
// Tensors as files: raw elements or text.
#pragma once

#include <string>

#include "common/program/program.h"
#include "common/tensor.h"
#include "device/tools/model_exec/options.h"

namespace openhb::model_exec {

// A tensor in storage as a dense one in ONNX axis order.
Tensor read_tensor(const TensorDesc& desc, const std::byte* storage);

// Element as a number, whatever its type (uint64 and int64 beyond 2^53 are rounded).
double number_at(const Tensor& tensor, size_t i);

// The real values f32(f32(q - z) * s) of a quantized integer tensor; other tensors unchanged.
Tensor dequantize(const TensorDesc& desc, const Tensor& codes);

// One line per run of values below dimension `axis` (0: one line; rank, more or -1: one value per line).
std::string tensor_text(const Tensor& tensor, int precision, int axis);

// Writes `<dump_path>/<stem>.<format>` whole or not at all; gives the path.
std::string dump_tensor(const Options& options, const Tensor& tensor, const std::string& stem,
                        const std::string& format);

}  // namespace openhb::model_exec
