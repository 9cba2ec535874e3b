// SPDX-License-Identifier: Apache-2.0
// Checks and costs that the steps share. Nothing about a step or its tensors is trusted before these have
// passed.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "device/kernels/kernel.h"

namespace openhb::kernels {

// Ranks, extents and pitches sane, sizes representable, elements aligned, outputs in the arena.
inline void check_tensors(const StepView& view, size_t inputs, size_t outputs = 1) {
  view.require_counts(inputs, outputs);
  const auto check = [&](const TensorDesc& t) {
    view.require(is_valid(t.dtype), "unknown element type");
    view.require(t.dims.size() <= kMaxRank, "too many dimensions");
    for (const int64_t d : t.dims) view.require(d >= 0, "negative extent");
    view.require(t.dims.empty() || t.pitch >= t.dims.back(), "rows overlap");
    view.require(t.offset % dtype_size(t.dtype) == 0, "misaligned tensor");
    num_elements(t.dims), t.byte_extent(), t.strides();  // throw when they overflow
  };
  for (size_t i = 0; i < inputs; ++i) check(view.in(i));
  for (size_t i = 0; i < outputs; ++i) {
    check(view.out(i));
    view.require(view.out(i).storage == Storage::arena, "output is a constant");
  }
}

// One finite scale > 0 and one zero point that is an int8 code, or 0 for int16.
inline void check_quant(const StepView& view, const TensorDesc& t) {
  view.require(t.quant.scales.size() == 1 && t.quant.zero_points.size() == 1,
               "one scale and zero point expected");
  view.require(std::isfinite(t.quant.scales[0]) && t.quant.scales[0] > 0, "scale is not a positive number");
  if (t.dtype == DType::i16) return view.require(t.quant.zero_points[0] == 0, "zero point of int16 is not 0");
  view.require(t.quant.zero_points[0] >= -128 && t.quant.zero_points[0] <= 127,
               "zero point is not an int8 code");
}

inline void check_dtype(const StepView& view, const TensorDesc& t, DType dtype) {
  view.require(t.dtype == dtype, "wrong element type");
}

inline void check_same_dims(const StepView& view, const TensorDesc& a, const TensorDesc& b) {
  view.require(a.dims == b.dims, "extents differ");
}

// A dense constant of this type and these extents.
inline void check_table(const StepView& view, size_t input, DType dtype, const Shape& dims) {
  view.require(view.is_constant(input), "table is not a constant");
  check_dtype(view, view.in(input), dtype);
  view.require(view.in(input).dims == dims && view.in(input).dense(), "table has the wrong extents");
}

// Bytes of all tensors of the step, read or written once.
inline Cost traffic(const StepView& view, int64_t macs = 0) {
  Cost cost{macs, 0};
  const auto add = [&](const TensorDesc& t) {
    cost.bytes += t.elements() * static_cast<int64_t>(dtype_size(t.dtype));
  };
  for (size_t i = 0; i < view.num_inputs(); ++i) add(view.in(i));
  for (size_t i = 0; i < view.num_outputs(); ++i) add(view.out(i));
  return cost;
}

// a * b, or the largest number when that does not fit: only for estimates of work.
inline int64_t saturating_mul(int64_t a, int64_t b) {
  int64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? std::numeric_limits<int64_t>::max() : product;
}

// Parts worth starting for so many elements of work, at most one per item.
inline int parts_for(int64_t work, int64_t items) {
  constexpr int64_t kPerPart = 32768;
  return static_cast<int>(std::clamp<int64_t>(std::min(work / kPerPart, items), 1, 256));
}

// Extent along dimension `axis` and products of the ones before and after it.
struct Around {
  int64_t before = 1, extent = 1, after = 1;
};
inline Around around(const Shape& dims, size_t axis) {
  Around a;
  for (size_t i = 0; i < axis; ++i) a.before *= dims[i];
  a.extent = dims[axis];
  for (size_t i = axis + 1; i < dims.size(); ++i) a.after *= dims[i];
  return a;
}

}  // namespace openhb::kernels
