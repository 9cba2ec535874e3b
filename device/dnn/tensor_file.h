// SPDX-License-Identifier: Apache-2.0
// Tensors as files: raw elements or text, as codes or as the real values that they stand for.
#pragma once

#include <string>

#include "common/program/program.h"
#include "common/tensor.h"

namespace openhb::dnn {

// A tensor in storage as a dense one in ONNX axis order.
Tensor read_tensor(const TensorDesc& desc, const std::byte* storage);

// All elements of a tensor's rows as they lie in storage, those between the end of a row and the pitch
// included; shape in memory order.
Tensor read_aligned(const TensorDesc& desc, const std::byte* storage);

// Element as a number, whatever its type (uint64 and int64 beyond 2^53 are rounded).
double number_at(const Tensor& tensor, size_t i);

// Scales whose axis is an ONNX axis instead of a memory dimension.
QuantParams logical_quant(const TensorDesc& desc);

// The real values f32(f32(q - z) * s) of quantized integers in ONNX axis order (quant.axis is an ONNX axis).
// Without scales: the tensor unchanged.
Tensor dequantize(const Tensor& codes, const QuantParams& quant);

// Any tensor as float32, for comparisons: what codes stand for, other numbers as they are.
Tensor to_real(const Tensor& tensor, const QuantParams& quant);

// One line per run of values below dimension `axis` (0: one line; rank, more or -1: one value per line).
// precision: decimals of floating-point numbers.
std::string tensor_text(const Tensor& tensor, int precision, int axis);

}  // namespace openhb::dnn
