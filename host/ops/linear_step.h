// SPDX-License-Identifier: Apache-2.0
// The convolution step that Conv, Gemm, MatMul, ConvTranspose and others come down to.
#pragma once

#include "host/compiler/lowering.h"
#include "host/ops/window.h"
#include "host/quantize/weights.h"

namespace openhb::ops {

// A convolution over 4-D NHWC tensors `x` and whatever the value's shape is: the common core of all of these.
struct Linear {
  Window window;
  int64_t groups = 1;
  Shape shape;                                                 // of the weights, [O, Cg, kh, kw]
  Tensor weights;                                              // float32
  const Tensor* bias = nullptr;                                // float32 [O]
  const Value *weight_value = nullptr, *bias_value = nullptr;  // instead, when one is computed at run time
  const quantize::IntegerWeights* integer = nullptr;           // codes already in [O, Cg, kh, kw] order
};

// Emits the step. `x` and `y` are 4-D NHWC views.
void emit_linear(compiler::Lowering& lowering, const Linear& linear, compiler::TensorId x,
                 compiler::TensorId y, float lo, float hi);

// Bounds as codes of the output.
std::pair<float, float> code_bounds(const TensorDesc& y, float lo, float hi);

// Scales of constant weights that the model brought along, or nullptr.
inline const QuantParams* given_scales(const Value& weights) {
  return weights.quant ? &*weights.quant : nullptr;
}

}  // namespace openhb::ops
