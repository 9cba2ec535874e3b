// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/conv/validate.h"

#include "device/kernels/conv/conv.h"

namespace openhb {
namespace conv {
namespace {

bool is_code(int64_t v) { return v >= -128 && v <= 127; }

void check_image(const StepView& view, const TensorDesc& t) {
  view.require(t.rank() == 4, "tensors must have rank 4");
  for (int64_t d : t.dims) view.require(d >= 1 && d <= kMaxExtent, "a tensor extent is out of range");
  view.require(t.pitch >= t.dims.back() && t.pitch <= kMaxExtent, "a pitch is out of range");
  view.require(t.offset % dtype_size(t.dtype) == 0, "a tensor is not aligned");
  static_cast<void>(t.byte_extent());  // throws on overflow
}

}  // namespace

void check_operand(const StepView& view, size_t input, DType dtype, const Shape& dims, const char* what) {
  const TensorDesc& t = view.in(input);
  view.require((view.is_constant(input) || view.in(0).dtype == DType::f32) && t.dtype == dtype &&
                   t.dims == dims && t.dense() && t.offset % dtype_size(dtype) == 0,
               what);
}

size_t num_inputs(DType x, DType y) {
  if (x == DType::f32) return 3;
  return x == DType::i16 || y == DType::i32 ? 4 : 5;
}

void check_images(const StepView& view) {
  view.require(view.num_inputs() >= 1 && view.num_outputs() == 1, "wrong number of tensors");
  const TensorDesc& x = view.in(0);
  const TensorDesc& y = view.out();
  view.require(
      (x.dtype == DType::f32 && y.dtype == DType::f32) ||
          (x.dtype == DType::i8 &&
           (y.dtype == DType::i8 || y.dtype == DType::i16 || y.dtype == DType::i32)) ||
          (x.dtype == DType::i16 && (y.dtype == DType::i16 || y.dtype == DType::i8 || y.dtype == DType::f32)),
      "element types of input and output do not go together");
  check_image(view, x);
  check_image(view, y);
  view.require(y.storage == Storage::arena, "the output is a constant");
}

void check_vectors(const StepView& view, int64_t entries) {
  if (view.in(0).dtype == DType::i16) {
    check_operand(view, 2, DType::i64, {entries}, "bias is not as documented");
    check_operand(view, 3, DType::f64, {entries}, "multiplier is not as documented");
    return;
  }
  const bool quantized = view.in(0).dtype == DType::i8;
  check_operand(view, 2, quantized ? DType::i32 : DType::f32, {entries}, "bias is not as documented");
  if (quantized) check_operand(view, 3, DType::i32, {entries}, "sum128 is not as documented");
  if (quantized && view.out().dtype != DType::i32)
    check_operand(view, 4, DType::f32, {entries}, "multiplier is not as documented");
}

void check_bounds(const StepView& view, float lo, float hi) {
  const TensorDesc& x = view.in(0);
  const TensorDesc& y = view.out();
  if (x.dtype == DType::i8)
    view.require(x.quant.zero_points.size() <= 1 && is_code(x.quant.zero_point()),
                 "the input's zero point is wrong");
  if (x.dtype == DType::i16)
    view.require(x.quant.zero_points.size() <= 1 && x.quant.zero_point() == 0,
                 "the input's zero point is not 0");
  if (y.dtype == DType::i32) return;
  view.require(lo <= hi, "lo and hi are not a range");  // false for NaN
  if (y.dtype == DType::f32) return;
  const bool wide = y.dtype == DType::i16;
  view.require(
      y.quant.zero_points.size() <= 1 && (wide ? y.quant.zero_point() == 0 : is_code(y.quant.zero_point())),
      "the output's zero point is wrong");
  const float least = wide ? -32768.0f : -128.0f, most = wide ? 32767.0f : 127.0f;
  view.require(lo >= least && hi <= most && std::trunc(lo) == lo && std::trunc(hi) == hi,
               "lo and hi are not codes");
}

Cost make_cost(const StepView& view, int64_t macs) {
  Cost cost{macs, 0};
  const auto add = [&cost](const TensorDesc& t) {
    const int64_t bytes = saturating_mul(t.elements(), static_cast<int64_t>(dtype_size(t.dtype)));
    if (__builtin_add_overflow(cost.bytes, bytes, &cost.bytes)) cost.bytes = INT64_MAX;
  };
  for (size_t i = 0; i < view.num_inputs(); ++i) add(view.in(i));
  for (size_t i = 0; i < view.num_outputs(); ++i) add(view.out(i));
  return cost;
}

}  // namespace conv

void Kernel<ConvParams>::validate(const StepView& view, const ConvParams& p) {
  conv::check_images(view);
  const TensorDesc& x = view.in(0);
  const TensorDesc& y = view.out();
  const bool quantized = x.dtype != DType::f32;
  view.require_counts(conv::num_inputs(x.dtype, y.dtype), 1);
  conv::check_window(view, p);
  conv::check_bounds(view, p.lo, p.hi);
  view.require(p.groups >= 1 && x.dims[3] % p.groups == 0 && y.dims[3] % p.groups == 0,
               "groups do not divide the channels");
  const int64_t blocks = conv::div_up(y.dims[3] / p.groups, 16);
  const int64_t taps = int64_t{p.kernel[0]} * p.kernel[1], channels = x.dims[3] / p.groups;
  if (quantized)
    conv::check_operand(view, 1, DType::i8, {p.groups, blocks, taps, conv::div_up(channels, 4), 16, 4},
                        "weights are not as documented");
  else
    conv::check_operand(view, 1, DType::f32, {p.groups, blocks, taps, channels, 16},
                        "weights are not as documented");
  conv::check_vectors(view, p.groups * blocks * 16);
}

Cost Kernel<ConvParams>::cost(const StepView& view, const ConvParams& p) {
  const int64_t taps = int64_t{p.kernel[0]} * p.kernel[1], channels = view.in(0).dims[3] / p.groups;
  return conv::make_cost(view,
                         conv::saturating_mul(view.out().elements(), conv::saturating_mul(taps, channels)));
}

void Kernel<DepthwiseParams>::validate(const StepView& view, const DepthwiseParams& p) {
  conv::check_images(view);
  const TensorDesc& x = view.in(0);
  const TensorDesc& y = view.out();
  const bool quantized = x.dtype != DType::f32;
  view.require_counts(conv::num_inputs(x.dtype, y.dtype), 1);
  conv::check_window(view, p);
  conv::check_bounds(view, p.lo, p.hi);
  view.require(x.dims[3] == y.dims[3], "input and output channels differ");
  const int64_t padded = conv::div_up(x.dims[3], 16) * 16, taps = int64_t{p.kernel[0]} * p.kernel[1];
  conv::check_operand(view, 1, quantized ? DType::i8 : DType::f32, {taps, padded},
                      "weights are not as documented");
  conv::check_vectors(view, padded);
}

Cost Kernel<DepthwiseParams>::cost(const StepView& view, const DepthwiseParams& p) {
  const int64_t taps = int64_t{p.kernel[0]} * p.kernel[1];
  return conv::make_cost(view, conv::saturating_mul(view.out().elements(), taps));
}

}  // namespace openhb
