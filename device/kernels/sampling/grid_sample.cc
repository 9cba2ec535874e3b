// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/elementwise/checks.h"
#include "device/kernels/elementwise/loop.h"
#include "device/kernels/sampling/coordinates.h"
#include "device/kernels/sampling/sampling.h"

namespace openhb::kernels {
namespace {

// The neighbours of a point along one dimension; a source of -1 reads 0.
struct Taps {
  int count = 0;
  int64_t source[4] = {};
  float weight[4] = {};
};

// Folds v into [lo, hi] by mirroring at both ends.
float reflect(float v, float lo, float hi) {
  const float range = hi - lo;
  if (!(range > 0)) return lo;
  const bool below = v < lo;
  if (!below && !(v > hi)) return v;
  const float over = below ? lo - v : v - hi;
  const int64_t turns = floor_index(over / range);
  const float rest = over - static_cast<float>(turns) * range;
  return below == (turns % 2 == 0) ? lo + rest : hi - rest;
}

// The cubic convolution with a = -3/4 at distances 1 + t, t, 1 - t, 2 - t.
void cubic_weights(float t, float* w) {
  constexpr float a = -0.75f;
  const auto near = [](float x) { return ((a + 2) * x - (a + 3)) * x * x + 1; };
  const auto far = [](float x) { return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a; };
  w[0] = far(t + 1), w[1] = near(t), w[2] = near(1 - t), w[3] = far(2 - t);
}

class Axis {
 public:
  Axis(int64_t extent, const GridSampleParams& p) : extent_(extent), p_(p) {
    const auto n = static_cast<float>(extent);
    lo_ = p.align_corners != 0 ? 0.0f : -0.5f;
    hi_ = p.align_corners != 0 ? n - 1 : n - 0.5f;
  }

  Taps taps(float coordinate) const {
    const auto n = static_cast<float>(extent_);
    float v = p_.align_corners != 0 ? (coordinate + 1) / 2 * (n - 1) : ((coordinate + 1) * n - 1) / 2;
    if (p_.mode == SampleMode::nearest) v = static_cast<float>(round_index(v));
    if (v < lo_ || v > hi_) {
      // Cubic reads the border's pixels but keeps its place, as stock ONNX Runtime and PyTorch do.
      if (p_.padding == SamplePadding::border && p_.mode != SampleMode::cubic)
        v = v < 0 ? 0 : v > n - 1 ? n - 1 : v;
      if (p_.padding == SamplePadding::reflection) v = reflect(v, lo_, hi_);
    }
    Taps t;
    if (p_.mode == SampleMode::nearest) {
      t.count = 1;
      t.source[0] = inside(round_index(v));
      t.weight[0] = 1;
      return t;
    }
    const int64_t first = floor_index(v);
    const float fraction = v - static_cast<float>(first);
    if (p_.mode == SampleMode::linear) {
      t.count = 2;
      t.weight[0] = static_cast<float>(first + 1) - v;
      t.weight[1] = fraction;
    } else {
      t.count = 4;
      cubic_weights(fraction, t.weight);
    }
    for (int i = 0; i < t.count; ++i) t.source[i] = inside(first + i - (t.count == 4 ? 1 : 0));
    return t;
  }

 private:
  int64_t inside(int64_t i) const {
    if (i >= 0 && i < extent_) return i;
    if (p_.padding == SamplePadding::zeros) return -1;
    if (p_.padding == SamplePadding::reflection) i = round_index(reflect(static_cast<float>(i), lo_, hi_));
    return std::clamp<int64_t>(i, 0, extent_ - 1);
  }

  int64_t extent_;
  GridSampleParams p_;
  float lo_ = 0, hi_ = 0;
};

// Element type of the tensors as real numbers and back.
struct FloatCodes {
  using T = float;
  float real(float v) const { return v; }
  float code(float v) const { return v; }
};
template <class Code>
struct IntegerCodes {
  using T = Code;
  float scale;
  int32_t zero;
  float real(T q) const { return static_cast<float>(q - zero) * scale; }
  T code(float v) const {
    constexpr auto kLow = static_cast<float>(std::numeric_limits<T>::min()),
                   kHigh = static_cast<float>(std::numeric_limits<T>::max());
    const auto z = static_cast<float>(zero);
    return static_cast<T>(round_clamped(v / scale, kLow - z, kHigh - z) + zero);
  }
};

constexpr int64_t kBlock = 16;  // channels at a time

template <class Codes>
class GridSampleRunner final : public Runner {
  using T = typename Codes::T;

 public:
  GridSampleRunner(const StepView& view, const GridSampleParams& p, const Binding& binding, Codes codes)
      : codes_(codes),
        nearest_(p.mode == SampleMode::nearest),
        channels_(view.out().dims.back()),
        x_pitch_(view.in(0).pitch),
        grid_pitch_(view.in(1).pitch),
        y_pitch_(view.out().pitch),
        images_(view.out().dims[0]),
        x_(reinterpret_cast<const T*>(binding.inputs[0])),
        grid_(reinterpret_cast<const float*>(binding.inputs[1])),
        y_(reinterpret_cast<T*>(binding.outputs[0])) {
    const Shape &x = view.in(0).dims, &y = view.out().dims;
    // As three spatial dimensions; the outermost may be missing.
    if (x.size() == 4) axes_.emplace_back(1, p), extent_.push_back(1), flat_ = true;
    for (size_t i = 1; i + 1 < x.size(); ++i) axes_.emplace_back(x[i], p), extent_.push_back(x[i]);
    for (size_t i = 1; i + 1 < y.size(); ++i) points_ *= y[i];
  }

  int max_parts() const override {
    return parts_for(saturating_mul(images_ * points_ * channels_, nearest_ ? 1 : 4), images_ * points_);
  }

  void run(int part, int parts) noexcept override {
    const Range range = split_range(images_ * points_, part, parts);
    for (int64_t point = range.first; point < range.last; ++point) {
      const float* g = grid_ + point * grid_pitch_;
      const Taps x = axes_[2].taps(g[0]), y = axes_[1].taps(g[1]);
      const Taps z = flat_ ? Taps{1, {0}, {1}} : axes_[0].taps(g[2]);
      const T* image = x_ + point / points_ * extent_[0] * extent_[1] * extent_[2] * x_pitch_;
      T* to = y_ + point * y_pitch_;
      for (int64_t c = 0; c < channels_; c += kBlock) {
        const int64_t n = std::min(kBlock, channels_ - c);
        if (nearest_)
          copy(image + c, to + c, n, pixel(z.source[0], y.source[0], x.source[0]));
        else
          blend(image + c, to + c, n, z, y, x);
      }
    }
  }

 private:
  // Elements before a pixel, or -1 outside.
  int64_t pixel(int64_t z, int64_t y, int64_t x) const {
    if (z < 0 || y < 0 || x < 0) return -1;
    return ((z * extent_[1] + y) * extent_[2] + x) * x_pitch_;
  }
  void copy(const T* x, T* y, int64_t n, int64_t at) const {
    for (int64_t c = 0; c < n; ++c) y[c] = at < 0 ? codes_.code(0) : x[at + c];
  }
  // sum_z wz * (sum_y wy * (sum_x wx * v)), every product and sum rounded, sums from 0.
  void blend(const T* image, T* to, int64_t n, const Taps& z, const Taps& y, const Taps& x) const {
    float plane[kBlock] = {};
    for (int k = 0; k < z.count; ++k) {
      float rows[kBlock] = {};
      for (int j = 0; j < y.count; ++j) {
        float row[kBlock] = {};
        for (int i = 0; i < x.count; ++i) {
          const int64_t at = pixel(z.source[k], y.source[j], x.source[i]);
          for (int64_t c = 0; c < n; ++c)
            row[c] += x.weight[i] * (at < 0 ? 0.0f : codes_.real(image[at + c]));
        }
        for (int64_t c = 0; c < n; ++c) rows[c] += y.weight[j] * row[c];
      }
      for (int64_t c = 0; c < n; ++c) plane[c] = flat_ ? rows[c] : plane[c] + z.weight[k] * rows[c];
    }
    for (int64_t c = 0; c < n; ++c) to[c] = codes_.code(plane[c]);
  }

  Codes codes_;
  bool nearest_, flat_ = false;
  int64_t channels_, x_pitch_, grid_pitch_, y_pitch_, images_, points_ = 1;
  std::vector<Axis> axes_;
  std::vector<int64_t> extent_;
  const T* x_;
  const float* grid_;
  T* y_;
};

}  // namespace
}  // namespace openhb::kernels

namespace openhb {

using namespace kernels;

void Kernel<GridSampleParams>::validate(const StepView& view, const GridSampleParams& params) {
  check_tensors(view, 2);
  const TensorDesc &x = view.in(0), &grid = view.in(1), &y = view.out();
  view.require(params.mode >= SampleMode::nearest && params.mode <= SampleMode::cubic, "unknown mode");
  view.require(params.padding >= SamplePadding::zeros && params.padding <= SamplePadding::reflection,
               "unknown padding");
  view.require(x.rank() == 4 || x.rank() == 5, "tensors are not 4-D or 5-D");
  view.require(grid.rank() == x.rank() && y.rank() == x.rank(), "ranks differ");
  view.require(x.dtype == DType::f32 || x.dtype == DType::i8 || x.dtype == DType::i16, "wrong element type");
  check_dtype(view, y, x.dtype);
  check_dtype(view, grid, DType::f32);
  view.require(grid.dims.back() == static_cast<int64_t>(x.rank()) - 2, "grid has the wrong extents");
  for (size_t i = 0; i + 1 < x.rank(); ++i) view.require(grid.dims[i] == y.dims[i], "extents differ");
  view.require(x.dims[0] == y.dims[0] && x.dims.back() == y.dims.back(), "extents differ");
  for (size_t i = 1; i + 1 < x.rank(); ++i)
    view.require((x.dims[i] > 0 || y.elements() == 0) && x.dims[i] <= (int64_t{1} << 24),
                 "an extent is empty or too large");
  if (x.dtype == DType::f32) return;
  check_quant(view, x);
  view.require(x.quant == y.quant, "scales differ");
  view.require(params.mode != SampleMode::cubic, "codes have no cubic mode");
}

Cost Kernel<GridSampleParams>::cost(const StepView& view, const GridSampleParams&) { return traffic(view); }

std::unique_ptr<Runner> Kernel<GridSampleParams>::bind(const StepView& view, const GridSampleParams& params,
                                                       const Binding& binding) {
  if (view.out().dtype == DType::f32)
    return std::make_unique<GridSampleRunner<FloatCodes>>(view, params, binding, FloatCodes{});
  const QuantParams& q = view.in(0).quant;
  if (view.in(0).dtype == DType::i16)
    return std::make_unique<GridSampleRunner<IntegerCodes<int16_t>>>(
        view, params, binding, IntegerCodes<int16_t>{q.scale(), q.zero_point()});
  return std::make_unique<GridSampleRunner<IntegerCodes<int8_t>>>(
      view, params, binding, IntegerCodes<int8_t>{q.scale(), q.zero_point()});
}

}  // namespace openhb
