// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/elementwise/quantize.h"

#include "device/kernels/elementwise/int16_rows.h"
#include "device/kernels/elementwise/quantize_rows.h"
#include "device/kernels/elementwise/walk_runner.h"

namespace openhb::kernels {
namespace {

class QuantizeRunner final : public WalkRunner {
 public:
  QuantizeRunner(const StepView& view, const Binding& binding)
      : WalkRunner(view.out()),
        walk_(broadcast_walk(view.out().dims, false, view.in(0), view.out())),
        x_(reinterpret_cast<const float*>(binding.inputs[0])),
        y_(reinterpret_cast<int8_t*>(binding.outputs[0])),
        scale_(view.out().quant.scale()),
        zero_(view.out().quant.zero_point()),
        loops_(choose_kQuantizeLoops(binding.cpu)) {}

  const char* row() const override { return loops_.name; }

  void run_elements(Range range) noexcept override {
    walk_.for_planes(range.first, range.last, [&](const auto& at, const Plane<2>& plane) {
      loops_.fn->quantize(x_ + at[0], y_ + at[1], plane, scale_, zero_);
    });
  }

 private:
  RowWalk<2> walk_;
  const float* x_;
  int8_t* y_;
  float scale_;
  int32_t zero_;
  KernelRow<const QuantizeLoops*> loops_;
};

// To int16, from int16, or from int8 codes to others.
class Int16QuantizeRunner final : public WalkRunner {
 public:
  Int16QuantizeRunner(const StepView& view, const Binding& binding)
      : WalkRunner(view.out()),
        walk_(broadcast_walk(view.out().dims, false, view.in(0), view.out())),
        x_(binding.inputs[0]),
        y_(binding.outputs[0]),
        from_(view.in(0).dtype),
        to_(view.out().dtype),
        constants_{view.in(0).quant.scale(), view.out().quant.scale(), view.in(0).quant.zero_point(),
                   view.out().quant.zero_point()},
        loops_(choose_kInt16Loops(binding.cpu)) {}

  const char* row() const override { return loops_.name; }

  void run_elements(Range range) noexcept override {
    const auto from_size = static_cast<int64_t>(dtype_size(from_)),
               to_size = static_cast<int64_t>(dtype_size(to_));
    const size_t narrow = to_ == DType::i8 ? 1 : 0;
    walk_.for_rows(range.first, range.last, [&](const auto& at, int64_t n, int64_t) {
      const std::byte* x = x_ + at[0] * from_size;
      std::byte* y = y_ + at[1] * to_size;
      if (from_ == DType::f32)
        loops_.fn->quantize(reinterpret_cast<const float*>(x), reinterpret_cast<int16_t*>(y), n,
                            constants_.to_scale);
      else if (to_ == DType::f32)
        loops_.fn->dequantize(reinterpret_cast<const int16_t*>(x), reinterpret_cast<float*>(y), n,
                              constants_.from_scale);
      else if (from_ == DType::i16)
        loops_.fn->requantize_i16[narrow](reinterpret_cast<const int16_t*>(x), y, n, constants_);
      else
        loops_.fn->requantize_i8[narrow](reinterpret_cast<const int8_t*>(x), y, n, constants_);
    });
  }

 private:
  RowWalk<2> walk_;
  const std::byte* x_;
  std::byte* y_;
  DType from_, to_;
  RequantizeConstants constants_;
  KernelRow<const Int16Loops*> loops_;
};

class DequantizeRunner final : public WalkRunner {
 public:
  DequantizeRunner(const StepView& view, const Binding& binding)
      : WalkRunner(view.out()),
        quant_(view.in(0).quant),
        each_(quant_.scales.size() > 1),
        wide_(view.in(0).dtype == DType::i32),
        walk_(broadcast_walk(view.out().dims, each_, view.in(0), view.out())),
        x_(binding.inputs[0]),
        y_(reinterpret_cast<float*>(binding.outputs[0])),
        loops_(choose_kQuantizeLoops(binding.cpu)) {
    // Few channels: scales for several pixels, so that rows are long.
    const auto channels = static_cast<int64_t>(quant_.scales.size());
    if (!each_ || channels > kLong / 2 || !view.in(0).dense() || !view.out().dense()) return;
    long_row_ = kLong / channels * channels;
    for (size_t i = quant_.scales.size(); std::ssize(quant_.scales) < long_row_; ++i) {
      quant_.scales.push_back(quant_.scales[i - static_cast<size_t>(channels)]);
      quant_.zero_points.push_back(quant_.zero_points[i - static_cast<size_t>(channels)]);
    }
  }

  const char* row() const override { return loops_.name; }

  void run_elements(Range range) noexcept override {
    const QuantizeLoops& loops = *loops_.fn;
    if (long_row_ != 0) return run_long_rows(range);
    const float* scales = quant_.scales.data();
    const int32_t* zeros = quant_.zero_points.data();
    if (!wide_ && !each_)
      return walk_.for_planes(range.first, range.last, [&](const auto& at, const Plane<2>& plane) {
        loops.dequantize_i8(reinterpret_cast<const int8_t*>(x_) + at[0], y_ + at[1], plane, scales[0],
                            zeros[0]);
      });
    walk_.for_rows(range.first, range.last, [&](const auto& at, int64_t n, int64_t column) {
      const auto* x8 = reinterpret_cast<const int8_t*>(x_) + at[0];
      const auto* x32 = reinterpret_cast<const int32_t*>(x_) + at[0];
      float* y = y_ + at[1];
      if (wide_ && each_)
        loops.dequantize_i32_each(x32, y, n, scales + column);
      else if (wide_)
        loops.dequantize_i32(x32, y, n, scales[0]);
      else
        loops.dequantize_i8_each(x8, y, n, scales + column, zeros + column);
    });
  }

 private:
  static constexpr int64_t kLong = 256;
  void run_long_rows(Range range) const {
    for (int64_t n = 0, at = range.first; at < range.last; at += n) {
      const int64_t column = at % long_row_;
      n = std::min(long_row_ - column, range.last - at);
      const float* scales = quant_.scales.data() + column;
      if (wide_)
        loops_.fn->dequantize_i32_each(reinterpret_cast<const int32_t*>(x_) + at, y_ + at, n, scales);
      else
        loops_.fn->dequantize_i8_each(reinterpret_cast<const int8_t*>(x_) + at, y_ + at, n, scales,
                                      quant_.zero_points.data() + column);
    }
  }

  QuantParams quant_;
  bool each_, wide_;
  int64_t long_row_ = 0;  // a multiple of the channels; 0: rows as they are
  RowWalk<2> walk_;
  const std::byte* x_;
  float* y_;
  KernelRow<const QuantizeLoops*> loops_;
};

}  // namespace
}  // namespace openhb::kernels

namespace openhb {

using namespace kernels;

void Kernel<QuantizeParams>::validate(const StepView& view, const QuantizeParams&) {
  check_tensors(view, 1);
  const DType from = view.in(0).dtype, to = view.out().dtype;
  view.require(from == DType::f32 || from == DType::i8 || from == DType::i16, "wrong element type");
  view.require(to == DType::i8 || to == DType::i16, "wrong element type");
  if (from != DType::f32) check_quant(view, view.in(0));
  check_same_dims(view, view.in(0), view.out());
  check_quant(view, view.out());
}

Cost Kernel<QuantizeParams>::cost(const StepView& view, const QuantizeParams&) { return traffic(view); }
RowUse Kernel<QuantizeParams>::row_use(const StepView& view, const QuantizeParams&) {
  return elementwise_rows(view);
}

std::unique_ptr<Runner> Kernel<QuantizeParams>::bind(const StepView& view, const QuantizeParams&,
                                                     const Binding& binding) {
  if (view.in(0).dtype != DType::f32 || view.out().dtype == DType::i16)
    return std::make_unique<Int16QuantizeRunner>(view, binding);
  return std::make_unique<QuantizeRunner>(view, binding);
}

void Kernel<DequantizeParams>::validate(const StepView& view, const DequantizeParams&) {
  check_tensors(view, 1);
  const TensorDesc& x = view.in(0);
  view.require(x.dtype == DType::i8 || x.dtype == DType::i16 || x.dtype == DType::i32, "wrong element type");
  check_dtype(view, view.out(), DType::f32);
  check_same_dims(view, x, view.out());
  if (x.dtype == DType::i16) return check_quant(view, x);
  const QuantParams& q = x.quant;
  view.require(!q.scales.empty() && q.scales.size() == q.zero_points.size(),
               "scales and zero points do not match");
  const bool each = q.scales.size() > 1;
  view.require(!each || (!x.dims.empty() && q.axis + 1 == static_cast<int32_t>(x.rank()) &&
                         static_cast<int64_t>(q.scales.size()) == x.dims.back()),
               "scales do not match the innermost dimension");
  for (const float s : q.scales) view.require(std::isfinite(s) && s >= 0, "scale is not a number");
  for (const int32_t z : q.zero_points)
    view.require(x.dtype == DType::i32 ? z == 0 : z >= -128 && z <= 127, "zero point out of range");
}

Cost Kernel<DequantizeParams>::cost(const StepView& view, const DequantizeParams&) { return traffic(view); }
RowUse Kernel<DequantizeParams>::row_use(const StepView& view, const DequantizeParams&) {
  return elementwise_rows(view);
}

std::unique_ptr<Runner> Kernel<DequantizeParams>::bind(const StepView& view, const DequantizeParams&,
                                                       const Binding& binding) {
  if (view.in(0).dtype == DType::i16) return std::make_unique<Int16QuantizeRunner>(view, binding);
  return std::make_unique<DequantizeRunner>(view, binding);
}

}  // namespace openhb
