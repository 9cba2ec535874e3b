// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/elementwise/checks.h"
#include "device/kernels/elementwise/loop.h"
#include "device/kernels/sampling/sampling.h"

namespace openhb::kernels {
namespace {

// One spatial dimension of the window; missing outer dimensions have the extent 1.
struct Dim {
  int64_t in = 1, out = 1, kernel = 1, stride = 1, dilation = 1, before = 0, after = 0;
};

// Kernel positions that fall inside the tensor, the tensor's position at the first of them, and how many fall
// inside tensor and padding.
struct Inside {
  int64_t first, count, at, padded;
};
Inside inside(const Dim& d, int64_t o) {
  const int64_t start = o * d.stride - d.before;
  const int64_t first = start >= 0 ? 0 : (-start + d.dilation - 1) / d.dilation;
  const auto below = [&](int64_t end) {
    return start >= end ? 0 : std::min(d.kernel, (end - start + d.dilation - 1) / d.dilation);
  };
  return {first, std::max<int64_t>(below(d.in) - first, 0), start + first * d.dilation,
          below(d.in + d.after)};
}

using Dims = std::array<Dim, 3>;
Dims dims_of(const StepView& view, const WindowPoolParams& p) {
  Dims dims;
  const size_t n = p.kernel.size();
  for (size_t i = 0; i < n; ++i)
    dims[3 - n + i] = {
        view.in(0).dims[i + 1], view.out().dims[i + 1], p.kernel[i], p.stride[i], p.dilation[i], p.pads[i],
        p.pads[n + i]};
  return dims;
}

template <class T>
class WindowPoolRunner final : public Runner {
 public:
  WindowPoolRunner(const StepView& view, const WindowPoolParams& p, const Binding& binding)
      : function_(p.function),
        count_padding_(p.count_include_pad != 0),
        column_major_(p.column_major != 0),
        d_(dims_of(view, p)),
        images_(view.out().dims[0]),
        channels_(view.out().dims.back()),
        x_pitch_(view.in(0).pitch),
        y_pitch_(view.out().pitch),
        x_scale_(view.in(0).quant.scale()),
        y_scale_(view.out().quant.scale()),
        x_zero_(view.in(0).quant.zero_point()),
        y_zero_(view.out().quant.zero_point()),
        x_(reinterpret_cast<const T*>(binding.inputs[0])),
        y_(binding.outputs[0]) {}

  int max_parts() const override {
    const int64_t work = saturating_mul(rows() * d_[2].out * channels_, d_[0].kernel * d_[1].kernel);
    return parts_for(saturating_mul(work, d_[2].kernel), rows());
  }

  void run(int part, int parts) noexcept override {
    const Range range = split_range(rows(), part, parts);
    for (int64_t row = range.first; row < range.last; ++row) {
      const int64_t image = row / (d_[0].out * d_[1].out);
      const Inside z = inside(d_[0], row / d_[1].out % d_[0].out), y = inside(d_[1], row % d_[1].out);
      for (int64_t column = 0; column < d_[2].out; ++column)
        window(image, z, y, inside(d_[2], column), (row * d_[2].out + column) * y_pitch_);
    }
  }

 private:
  int64_t rows() const { return images_ * d_[0].out * d_[1].out; }

  // Calls f(position in the image, in rows of channels) for the window's positions in their order.
  template <class F>
  void positions(const Inside& z, const Inside& y, const Inside& x, F&& f) const {
    for (int64_t k = 0; k < z.count; ++k)
      for (int64_t j = 0; j < y.count; ++j)
        for (int64_t i = 0; i < x.count; ++i)
          f(((z.at + k * d_[0].dilation) * d_[1].in + y.at + j * d_[1].dilation) * d_[2].in + x.at +
            i * d_[2].dilation);
  }
  int64_t pixels() const { return d_[0].in * d_[1].in * d_[2].in; }
  const T* image_data(int64_t image) const { return x_ + image * pixels() * x_pitch_; }

  void window(int64_t image, const Inside& z, const Inside& y, const Inside& x, int64_t to) const {
    const int64_t padded = z.padded * y.padded * x.padded, valid = z.count * y.count * x.count;
    constexpr int64_t kBlock = 16;
    for (int64_t c = 0; c < channels_; c += kBlock) {
      const int64_t n = std::min(kBlock, channels_ - c);
      const T* data = image_data(image) + c;
      if (function_ == WindowFunction::max || function_ == WindowFunction::position) {
        T most[kBlock];
        int64_t where[kBlock] = {};
        bool first = true;
        positions(z, y, x, [&](int64_t at) {
          for (int64_t i = 0; i < n; ++i) {
            const T v = data[at * x_pitch_ + i];
            const bool keep = !first && ((most[i] > v) | (most[i] == v) | (most[i] != most[i]));
            most[i] = keep ? most[i] : v;
            where[i] = keep ? where[i] : at;
          }
          first = false;
        });
        for (int64_t i = 0; i < n; ++i)
          if (function_ == WindowFunction::max)
            reinterpret_cast<T*>(y_)[to + c + i] = most[i];
          else
            reinterpret_cast<int64_t*>(y_)[to + c + i] =
                (image * channels_ + c + i) * pixels() + ordered(where[i]);
      } else {
        float sum[kBlock] = {};
        positions(z, y, x, [&](int64_t at) {
          for (int64_t i = 0; i < n; ++i) sum[i] += real(data[at * x_pitch_ + i]);
        });
        const auto count = static_cast<float>(count_padding_ ? padded : valid);
        for (int64_t i = 0; i < n; ++i) store(to + c + i, sum[i], count);
      }
    }
  }

  int64_t ordered(int64_t at) const {
    if (!column_major_) return at;
    const int64_t x = at % d_[2].in, y = at / d_[2].in % d_[1].in, z = at / d_[2].in / d_[1].in;
    return (x * d_[1].in + y) * d_[0].in + z;
  }
  float real(T v) const {
    if constexpr (std::is_same_v<T, float>)
      return v;
    else
      return x_scale_ * static_cast<float>(v - x_zero_);
  }
  void store(int64_t to, float sum, float count) const {
    const float v = function_ == WindowFunction::sum ? sum : sum / count;
    if constexpr (std::is_same_v<T, float>) {
      reinterpret_cast<float*>(y_)[to] = v;
    } else {
      const float scaled = v / y_scale_ + static_cast<float>(y_zero_ + 128);
      reinterpret_cast<int8_t*>(y_)[to] = static_cast<int8_t>(round_clamped(scaled, 0.0f, 255.0f) - 128);
    }
  }

  WindowFunction function_;
  bool count_padding_, column_major_;
  Dims d_;
  int64_t images_, channels_, x_pitch_, y_pitch_;
  float x_scale_, y_scale_;
  int32_t x_zero_, y_zero_;
  const T* x_;
  std::byte* y_;
};

void check_windows(const StepView& view, const WindowPoolParams& p) {
  constexpr int64_t kLargest = int64_t{1} << 16;
  const size_t n = p.kernel.size();
  const auto within = [&](const std::vector<int64_t>& list, size_t size, int64_t least) {
    view.require(list.size() == size, "parameters differ in length");
    for (const int64_t v : list) view.require(v >= least && v <= kLargest, "impossible window");
  };
  within(p.kernel, n, 1), within(p.stride, n, 1), within(p.dilation, n, 1), within(p.pads, 2 * n, 0);
  const Shape &x = view.in(0).dims, &y = view.out().dims;
  for (size_t i = 0; i < n; ++i)
    view.require(x[i + 1] <= (int64_t{1} << 40) && y[i + 1] <= (int64_t{1} << 40), "extent too large");
  if (view.out().elements() == 0) return;
  const Dims dims = dims_of(view, p);
  for (const Dim& d : dims) {
    view.require((d.out - 1) * d.stride < d.in + d.before, "a window starts outside the tensor");
    if (p.count_include_pad != 0 && p.function == WindowFunction::average) continue;
    for (int64_t o = 0; o < d.out; ++o)
      view.require(inside(d, o).count > 0, "a window lies wholly in the padding");
  }
}

}  // namespace
}  // namespace openhb::kernels

namespace openhb {

using namespace kernels;

void Kernel<WindowPoolParams>::validate(const StepView& view, const WindowPoolParams& params) {
  check_tensors(view, 1);
  const TensorDesc &x = view.in(0), &y = view.out();
  const WindowFunction f = params.function;
  view.require(f >= WindowFunction::max && f <= WindowFunction::position, "unknown function");
  const bool sums = f == WindowFunction::average || f == WindowFunction::sum;
  view.require(x.dtype == DType::f32 || (x.dtype == DType::i8 && f != WindowFunction::sum) ||
                   ((x.dtype == DType::u8 || x.dtype == DType::i16) && !sums),
               "wrong element type");
  check_dtype(view, y, f == WindowFunction::position ? DType::i64 : x.dtype);
  view.require(x.rank() >= 3 && x.rank() <= 5 && y.rank() == x.rank(), "tensors are not 3-D to 5-D");
  view.require(params.kernel.size() == x.rank() - 2, "wrong number of parameters");
  view.require(x.dims[0] == y.dims[0] && x.dims.back() == y.dims.back(), "extents differ");
  check_windows(view, params);
  if (f == WindowFunction::max) view.require(x.quant == y.quant, "scales differ");
  if (f == WindowFunction::average && x.dtype == DType::i8) check_quant(view, x), check_quant(view, y);
}

Cost Kernel<WindowPoolParams>::cost(const StepView& view, const WindowPoolParams&) { return traffic(view); }

std::unique_ptr<Runner> Kernel<WindowPoolParams>::bind(const StepView& view, const WindowPoolParams& params,
                                                       const Binding& binding) {
  if (view.in(0).dtype == DType::i8) return std::make_unique<WindowPoolRunner<int8_t>>(view, params, binding);
  if (view.in(0).dtype == DType::u8)
    return std::make_unique<WindowPoolRunner<uint8_t>>(view, params, binding);
  if (view.in(0).dtype == DType::i16)
    return std::make_unique<WindowPoolRunner<int16_t>>(view, params, binding);
  return std::make_unique<WindowPoolRunner<float>>(view, params, binding);
}

}  // namespace openhb
