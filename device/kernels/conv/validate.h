// SPDX-License-Identifier: Apache-2.0
// Checks shared by Conv and Depthwise, and the output stage that a validated step asks for.
#pragma once

#include <cmath>
#include <string>

#include "device/kernels/conv/tile.h"
#include "device/kernels/kernel.h"

namespace openhb::conv {

inline constexpr int64_t kMaxWindow = 32767;  // kernel extents, strides, dilations, pads
inline constexpr int64_t kMaxExtent = INT32_MAX;

constexpr int64_t div_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

// a * b for work estimates, saturating.
inline int64_t saturating_mul(int64_t a, int64_t b) {
  int64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? INT64_MAX : product;
}

// A dense tensor of this type and these extents: constant, or for float32 possibly computed at run time.
void check_operand(const StepView& view, size_t input, DType dtype, const Shape& dims, const char* what);

// Tensors that a step reads with x and y of these types.
size_t num_inputs(DType x, DType y);

// x and y: rank 4, sane extents and pitches, element types that go together.
void check_images(const StepView& view);

// Bias, sum128 and multiplier (inputs 2...) of `entries` elements as the types ask, and their number.
void check_vectors(const StepView& view, int64_t entries);

// lo and hi, zero points.
void check_bounds(const StepView& view, float lo, float hi);

// Kernel, stride, dilation and pads are sane and give exactly the output's extents.
template <class P>
void check_window(const StepView& view, const P& p) {
  const TensorDesc& x = view.in(0);
  const TensorDesc& y = view.out();
  view.require(x.dims[0] == y.dims[0], "batch sizes differ");
  for (size_t axis = 0; axis < 2; ++axis) {
    const int64_t k = p.kernel[axis], s = p.stride[axis], d = p.dilation[axis];
    const int64_t before = p.pads[axis], after = p.pads[axis + 2];
    view.require(k >= 1 && k <= kMaxWindow && s >= 1 && s <= kMaxWindow && d >= 1 && d <= kMaxWindow,
                 "kernel, stride or dilation out of range");
    view.require(before >= 0 && before <= kMaxWindow && after >= 0 && after <= kMaxWindow,
                 "pads out of range");
    const int64_t room = x.dims[axis + 1] + before + after - ((k - 1) * d + 1);
    view.require(room >= 0 && room / s + 1 == y.dims[axis + 1],
                 "output extents do not follow from the window");
  }
}

inline OutputStage make_stage(const StepView& view, float lo, float hi) {
  const TensorDesc& y = view.out();
  if (y.dtype == DType::f32) return {lo, hi, 0, false};
  if (y.dtype == DType::i32) return {0, 0, 0, true};
  const int32_t zero_point = y.quant.zero_point();
  return {lo - static_cast<float>(zero_point), hi - static_cast<float>(zero_point), zero_point, false};
}

// Bytes that a step reads and writes, padding of pitches aside.
Cost make_cost(const StepView& view, int64_t macs);

}  // namespace openhb::conv
