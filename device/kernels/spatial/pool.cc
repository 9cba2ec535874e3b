// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/spatial/pool.h"

#include "device/kernels/elementwise/checks.h"
#include "device/kernels/elementwise/isa_rows.h"
#include "device/kernels/reduction/reduce_rows.h"
#include "device/kernels/spatial/pool_loops.h"

namespace openhb::kernels {

OPENHB_LOOP_ROWS(PoolLoops, kPoolLoops)

namespace {

// Kernel positions [first, last) that fall inside [0, extent) for output position `at`, and the pixel of the
// first.
struct ValidSpan {
  int64_t first, last, pixel;
};
ValidSpan valid_span(int64_t at, int64_t stride, int64_t pad, int64_t kernel, int64_t dilation,
                     int64_t extent) {
  const int64_t start = at * stride - pad;
  const int64_t first = start >= 0 ? 0 : (-start + dilation - 1) / dilation;
  const int64_t last = start >= extent ? 0 : std::min(kernel, (extent - start + dilation - 1) / dilation);
  return {first, std::max(first, last), start + first * dilation};
}

PoolQuant pool_quant(const TensorDesc& x, const TensorDesc& y) {
  const auto n = static_cast<float>(x.dims[1] * x.dims[2]);
  const float per_sum = y.quant.scale() * n;
  return {x.quant.scale(), y.quant.scale(), x.quant.scale() / per_sum, x.quant.zero_point(),
          y.quant.zero_point()};
}

class WindowRunner final : public Runner {
 public:
  WindowRunner(const StepView& view, const PoolParams& params, const Binding& binding)
      : p_(params),
        x_dims_(view.in(0).dims),
        y_dims_(view.out().dims),
        x_pitch_(view.in(0).pitch),
        y_pitch_(view.out().pitch),
        quant_(pool_quant(view.in(0), view.out())),
        integer_(view.out().dtype == DType::i8),
        int16_(view.in(0).dtype == DType::i16),
        x_(binding.inputs[0]),
        y_(binding.outputs[0]),
        columns_(columns()),
        loops_(choose_kPoolLoops(binding.cpu)) {}

  int max_parts() const override {
    const int64_t window = int64_t{p_.kernel[0]} * p_.kernel[1];
    return parts_for(saturating_mul(num_elements(y_dims_), window), y_dims_[0] * y_dims_[1]);
  }
  const char* row() const override { return loops_.name; }

  void run(int part, int parts) noexcept override {
    if (y_dims_[2] == 0 || y_dims_[3] == 0) return;
    const Range rows = split_range(y_dims_[0] * y_dims_[1], part, parts);
    for (int64_t row = rows.first; row < rows.last; ++row) {
      const ValidSpan v =
          valid_span(row % y_dims_[1], p_.stride[0], p_.pads[0], p_.kernel[0], p_.dilation[0], x_dims_[1]);
      const int64_t count = v.last - v.first;
      const int64_t from = count > 0 ? (row / y_dims_[1] * x_dims_[1] + v.pixel) * x_dims_[2] * x_pitch_ : 0;
      // A step is only taken when two positions are valid, that is when the dilation is below the extent.
      pool(from, row * y_dims_[2] * y_pitch_,
           {columns_.data(), y_dims_[2], y_dims_[3], y_pitch_, count,
            std::min<int64_t>(p_.dilation[0], x_dims_[1]) * x_dims_[2] * x_pitch_,
            std::min<int64_t>(p_.dilation[1], x_dims_[2]) * x_pitch_,
            p_.count_include_pad != 0 ? int64_t{p_.kernel[0]} * p_.kernel[1] : 0});
    }
  }

 private:
  std::vector<PoolColumns> columns() const {
    std::vector<PoolColumns> all;
    for (int64_t at = 0; at < y_dims_[2]; ++at) {
      const ValidSpan h = valid_span(at, p_.stride[1], p_.pads[1], p_.kernel[1], p_.dilation[1], x_dims_[2]);
      const int64_t count = h.last - h.first;
      all.push_back({count > 0 ? h.pixel * x_pitch_ : 0, count});
    }
    return all;
  }

  void pool(int64_t from, int64_t to, const PoolRow& row) {
    const PoolLoops& loops = *loops_.fn;
    const bool max = p_.mode == PoolMode::max;
    const auto* x8 = reinterpret_cast<const int8_t*>(x_) + from;
    const auto* x16 = reinterpret_cast<const int16_t*>(x_) + from;
    const auto* x32 = reinterpret_cast<const float*>(x_) + from;
    auto* y8 = reinterpret_cast<int8_t*>(y_) + to;
    auto* y16 = reinterpret_cast<int16_t*>(y_) + to;
    auto* y32 = reinterpret_cast<float*>(y_) + to;
    if (int16_ && max) return loops.max_i16(x16, y16, row);
    if (int16_ && integer_) return loops.average_i16_to_i8(x16, y8, row, quant_);
    if (int16_) return loops.average_i16(x16, y16, row, quant_);
    if (max) return integer_ ? loops.max_i8(x8, y8, row) : loops.max_f32(x32, y32, row);
    integer_ ? loops.average_i8(x8, y8, row, quant_) : loops.average_f32(x32, y32, row);
  }

  PoolParams p_;
  Shape x_dims_, y_dims_;
  int64_t x_pitch_, y_pitch_;
  PoolQuant quant_;
  bool integer_, int16_;
  const std::byte* x_;
  std::byte* y_;
  std::vector<PoolColumns> columns_;
  KernelRow<const PoolLoops*> loops_;
};

// Global averages: work items are blocks of 64 channels.
class GlobalRunner final : public Runner {
 public:
  GlobalRunner(const StepView& view, const Binding& binding)
      : channels_(view.out().dims[3]),
        images_(view.out().dims[0]),
        pixels_(view.in(0).dims[1] * view.in(0).dims[2]),
        x_pitch_(view.in(0).pitch),
        y_pitch_(view.out().pitch),
        quant_(pool_quant(view.in(0), view.out())),
        integer_(view.out().dtype == DType::i8),
        int16_(view.in(0).dtype == DType::i16),
        x_(binding.inputs[0]),
        y_(binding.outputs[0]),
        loops_(choose_kPoolLoops(binding.cpu)),
        sums_(choose_kReduceLoops(binding.cpu)) {}

  int max_parts() const override {
    return parts_for(saturating_mul(images_ * channels_, pixels_), images_ * blocks());
  }
  const char* row() const override { return loops_.name; }

  void run(int part, int parts) noexcept override {
    const Range range = split_range(images_ * blocks(), part, parts);
    for (int64_t item = range.first; item < range.last; ++item) {
      const int64_t image = item / blocks(), channel = item % blocks() * kReduceWidth;
      const int64_t width = std::min(kReduceWidth, channels_ - channel);
      const int64_t from = image * pixels_ * x_pitch_ + channel, to = image * y_pitch_ + channel;
      const PoolColumns all{0, pixels_};
      const PoolRow row{&all, 1, width, 0, 1, 0, x_pitch_, 0};
      const auto* x16 = reinterpret_cast<const int16_t*>(x_) + from;
      auto* y8 = reinterpret_cast<int8_t*>(y_) + to;
      if (int16_ && integer_) {
        loops_.fn->average_i16_to_i8(x16, y8, row, quant_);
      } else if (int16_) {
        loops_.fn->average_i16(x16, reinterpret_cast<int16_t*>(y_) + to, row, quant_);
      } else if (integer_) {
        loops_.fn->global_i8(reinterpret_cast<const int8_t*>(x_) + from, y8, row, quant_);
      } else {
        float lanes[kReduceLanes * kReduceWidth] = {};
        constexpr size_t kAdd = static_cast<size_t>(Fold::add);
        sums_.fn->columns[kAdd](lanes, reinterpret_cast<const float*>(x_) + from, width, pixels_, x_pitch_,
                                0);
        sums_.fn->fold[kAdd](lanes, kReduceWidth, width, kReduceLanes);
        for (int64_t c = 0; c < width; ++c)
          reinterpret_cast<float*>(y_)[to + c] = lanes[c] / static_cast<float>(pixels_);
      }
    }
  }

 private:
  int64_t blocks() const { return (channels_ + kReduceWidth - 1) / kReduceWidth; }

  int64_t channels_, images_, pixels_, x_pitch_, y_pitch_;
  PoolQuant quant_;
  bool integer_, int16_;
  const std::byte* x_;
  std::byte* y_;
  KernelRow<const PoolLoops*> loops_;
  KernelRow<const ReduceLoops*> sums_;
};

void check_window(const StepView& view, const PoolParams& p) {
  const Shape &x = view.in(0).dims, &y = view.out().dims;
  for (size_t i = 0; i < 2; ++i) {
    view.require(
        p.kernel[i] >= 1 && p.stride[i] >= 1 && p.dilation[i] >= 1 && p.pads[i] >= 0 && p.pads[i + 2] >= 0,
        "impossible window");
    const int64_t span = int64_t{p.kernel[i] - 1} * p.dilation[i] + 1;
    const int64_t extent = x[i + 1];
    view.require(extent < (int64_t{1} << 40), "extent too large");
    const int64_t room = extent + p.pads[i] + p.pads[i + 2] - span;
    view.require(room >= 0 && y[i + 1] == room / p.stride[i] + 1, "wrong output extents");
    if (view.out().elements() == 0 || (p.mode == PoolMode::average && p.count_include_pad != 0)) continue;
    for (int64_t at = 0; at < y[i + 1]; ++at) {
      const ValidSpan s = valid_span(at, p.stride[i], p.pads[i], p.kernel[i], p.dilation[i], extent);
      view.require(s.first < s.last, "a window lies wholly in the padding");
    }
  }
}

}  // namespace
}  // namespace openhb::kernels

namespace openhb {

using namespace kernels;

void Kernel<PoolParams>::validate(const StepView& view, const PoolParams& p) {
  check_tensors(view, 1);
  const TensorDesc &x = view.in(0), &y = view.out();
  view.require(p.mode == PoolMode::max || p.mode == PoolMode::average || p.mode == PoolMode::global_average,
               "unknown mode");
  view.require(x.rank() == 4 && y.rank() == 4, "tensors are not 4-D");
  view.require(x.dtype == DType::f32 || x.dtype == DType::i8 || x.dtype == DType::i16, "wrong element type");
  const bool narrows = p.mode != PoolMode::max && x.dtype == DType::i16 && y.dtype == DType::i8;
  view.require(narrows || y.dtype == x.dtype, "wrong element type");
  view.require(x.dims[0] == y.dims[0] && x.dims[3] == y.dims[3], "extents differ");
  if (x.dtype != DType::f32) {
    check_quant(view, x);
    check_quant(view, y);
    view.require(p.mode != PoolMode::max || x.quant == y.quant, "scales differ");
  }
  if (p.mode != PoolMode::global_average) return check_window(view, p);
  view.require(y.dims[1] == 1 && y.dims[2] == 1, "wrong output extents");
  if (y.elements() == 0) return;
  view.require(x.elements() > 0, "empty plane");
  // The int8 sum is exact in int32: 255 * 2^23 < 2^31; that of int16 in int64 and binary64.
  view.require(x.dtype == DType::f32 || x.dims[1] * x.dims[2] <= (int64_t{1} << 23), "plane too large");
}

Cost Kernel<PoolParams>::cost(const StepView& view, const PoolParams&) { return traffic(view); }

std::unique_ptr<Runner> Kernel<PoolParams>::bind(const StepView& view, const PoolParams& p,
                                                 const Binding& binding) {
  if (p.mode == PoolMode::global_average) return std::make_unique<GlobalRunner>(view, binding);
  return std::make_unique<WindowRunner>(view, p, binding);
}

}  // namespace openhb
