// SPDX-License-Identifier: Apache-2.0
// RoiAlign and MaxRoiPool.
#include "device/kernels/indexing/positions.h"
#include "device/kernels/sampling/coordinates.h"
#include "device/kernels/sampling/sampling.h"

namespace openhb::kernels {
namespace {

constexpr int64_t kMostSamples = 4096;  // per bin and direction, where the box decides

// What a box covers along one direction.
struct Span {
  float start, bin;
  int64_t samples;
};

// Four neighbours of a sample: element offsets and weights.
struct Sample {
  int64_t at[4];
  float weight[4];
};

class RoiRunner final : public Runner {
 public:
  RoiRunner(const StepView& view, const RoiParams& p, const Binding& binding)
      : p_(p),
        images_(view.in(0).dims[0]),
        height_(view.in(0).dims[1]),
        width_(view.in(0).dims[2]),
        rows_(view.out().dims[1]),
        columns_(view.out().dims[2]),
        channels_(view.out().dims[3]),
        boxes_(view.out().dims[0]),
        x_pitch_(view.in(0).pitch),
        roi_pitch_(view.in(1).pitch),
        y_pitch_(view.out().pitch),
        numbers_(p.mode == RoiMode::pool ? Positions(view.in(1), nullptr)
                                         : Positions(view.in(2), binding.inputs[2])),
        x_(reinterpret_cast<const float*>(binding.inputs[0])),
        rois_(reinterpret_cast<const float*>(binding.inputs[1])),
        y_(reinterpret_cast<float*>(binding.outputs[0])) {}

  int max_parts() const override {
    return parts_for(saturating_mul(boxes_ * rows_ * columns_ * channels_, 4), boxes_ * rows_);
  }

  void run(int part, int parts) noexcept override {
    const Range range = split_range(boxes_ * rows_, part, parts);
    for (int64_t item = range.first; item < range.last; ++item) {
      const int64_t box = item / rows_, row = item % rows_;
      for (int64_t column = 0; column < columns_; ++column) {
        float* y = y_ + (item * columns_ + column) * y_pitch_;
        p_.mode == RoiMode::pool ? pool(box, row, column, y) : align(box, row, column, y);
      }
    }
  }

 private:
  const float* image(int64_t number) const {
    return x_ + std::clamp<int64_t>(number, 0, images_ - 1) * height_ * width_ * x_pitch_;
  }

  Span span(float from, float to, int64_t bins) const {
    const float offset = p_.half_pixel != 0 ? 0.5f : 0.0f;
    const float start = from * p_.scale - offset, end = to * p_.scale - offset;
    float extent = end - start;
    if (p_.half_pixel == 0) extent = extent > 1.0f ? extent : 1.0f;
    const float bin = extent / static_cast<float>(bins);
    const int64_t samples =
        p_.sampling > 0 ? p_.sampling : std::clamp<int64_t>(ceil_index(bin), 0, kMostSamples);
    return {start, bin, samples};
  }

  static float position(const Span& s, int64_t bin, int64_t sample) {
    return s.start + static_cast<float>(bin) * s.bin +
           (static_cast<float>(sample) + 0.5f) * s.bin / static_cast<float>(s.samples);
  }

  // False outside the image by more than a pixel.
  bool neighbours(float y, float x, Sample& s) const {
    if (!(y >= -1.0f && y <= static_cast<float>(height_) && x >= -1.0f && x <= static_cast<float>(width_)))
      return false;
    y = y > 0 ? y : 0, x = x > 0 ? x : 0;
    auto y0 = static_cast<int64_t>(y), x0 = static_cast<int64_t>(x);
    int64_t y1 = y0 + 1, x1 = x0 + 1;
    if (y0 >= height_ - 1) y0 = y1 = height_ - 1, y = static_cast<float>(y0);
    if (x0 >= width_ - 1) x0 = x1 = width_ - 1, x = static_cast<float>(x0);
    const float ly = y - static_cast<float>(y0), lx = x - static_cast<float>(x0);
    const float hy = 1.0f - ly, hx = 1.0f - lx;
    s = {{(y0 * width_ + x0) * x_pitch_, (y0 * width_ + x1) * x_pitch_, (y1 * width_ + x0) * x_pitch_,
          (y1 * width_ + x1) * x_pitch_},
         {hy * hx, hy * lx, ly * hx, ly * lx}};
    return true;
  }

  void align(int64_t box, int64_t row, int64_t column, float* y) const {
    const float* roi = rois_ + box * roi_pitch_;
    const float* x = image(numbers_[box]);
    const Span h = span(roi[1], roi[3], rows_), w = span(roi[0], roi[2], columns_);
    const bool average = p_.mode == RoiMode::align_average;
    const auto count = static_cast<float>(std::max<int64_t>(h.samples * w.samples, 1));
    for (int64_t c = 0; c < channels_; ++c) y[c] = 0;
    bool first = true;
    for (int64_t i = 0; i < h.samples; ++i)
      for (int64_t j = 0; j < w.samples; ++j, first = false) {
        Sample s;
        if (!neighbours(position(h, row, i), position(w, column, j), s)) s = {};
        for (int64_t c = 0; c < channels_; ++c) {
          const float a = s.weight[0] * x[s.at[0] + c], b = s.weight[1] * x[s.at[1] + c],
                      d = s.weight[2] * x[s.at[2] + c], e = s.weight[3] * x[s.at[3] + c];
          if (average) {
            y[c] += ((a + b) + d) + e;
          } else {
            const float ab = a > b ? a : b, de = d > e ? d : e, most = ab > de ? ab : de;
            y[c] = first || most > y[c] ? most : y[c];
          }
        }
      }
    if (average)
      for (int64_t c = 0; c < channels_; ++c) y[c] = y[c] / count;
  }

  // Pixels [first, last) of a bin, inside the image.
  static std::pair<int64_t, int64_t> bin_pixels(int64_t start, int64_t end, int64_t bin, int64_t bins,
                                                int64_t extent) {
    const float size = static_cast<float>(std::max<int64_t>(end - start + 1, 1)) / static_cast<float>(bins);
    const int64_t first = floor_index(static_cast<float>(bin) * size) + start;
    const int64_t last = ceil_index(static_cast<float>(bin + 1) * size) + start;
    return {std::clamp<int64_t>(first, 0, extent), std::clamp<int64_t>(last, 0, extent)};
  }
  // Half away from zero.
  static int64_t round_half_up(float v) { return v < 0 ? ceil_index(v - 0.5f) : floor_index(v + 0.5f); }

  void pool(int64_t box, int64_t row, int64_t column, float* y) const {
    const float* roi = rois_ + box * roi_pitch_;
    const float* x = image(floor_index(roi[0]));
    int64_t edge[4];
    for (int i = 0; i < 4; ++i) edge[i] = round_half_up(roi[i + 1] * p_.scale);
    const auto [y0, y1] = bin_pixels(edge[1], edge[3], row, rows_, height_);
    const auto [x0, x1] = bin_pixels(edge[0], edge[2], column, columns_, width_);
    const bool empty = y1 <= y0 || x1 <= x0;
    for (int64_t c = 0; c < channels_; ++c) y[c] = empty ? 0 : -__builtin_huge_valf();
    for (int64_t i = y0; i < y1; ++i)
      for (int64_t j = x0; j < x1; ++j)
        for (int64_t c = 0; c < channels_; ++c) {
          const float v = x[(i * width_ + j) * x_pitch_ + c];
          y[c] = v > y[c] ? v : y[c];
        }
  }

  RoiParams p_;
  int64_t images_, height_, width_, rows_, columns_, channels_, boxes_, x_pitch_, roi_pitch_, y_pitch_;
  Positions numbers_;
  const float *x_, *rois_;
  float* y_;
};

}  // namespace
}  // namespace openhb::kernels

namespace openhb {

using namespace kernels;

void Kernel<RoiParams>::validate(const StepView& view, const RoiParams& params) {
  const bool pool = params.mode == RoiMode::pool;
  view.require(pool || params.mode == RoiMode::align_average || params.mode == RoiMode::align_max,
               "unknown mode");
  check_tensors(view, pool ? 2 : 3);
  const TensorDesc &x = view.in(0), &rois = view.in(1), &y = view.out();
  for (const TensorDesc* t : {&x, &rois, &y}) check_dtype(view, *t, DType::f32);
  view.require(x.rank() == 4 && y.rank() == 4, "tensors are not 4-D");
  view.require(rois.dims == Shape{y.dims[0], pool ? 5 : 4}, "boxes have the wrong extents");
  if (!pool) {
    check_positions(view, view.in(2));
    view.require(view.in(2).dims == Shape{y.dims[0]}, "image numbers have the wrong extents");
  }
  view.require(x.dims[3] == y.dims[3], "channels differ");
  view.require(params.sampling >= 0 && params.sampling <= kMostSamples, "too many samples");
  for (size_t i = 0; i < 3; ++i)
    view.require((x.dims[i] > 0 || y.elements() == 0) && x.dims[i] <= (int64_t{1} << 24),
                 "an extent is empty or too large");
}

Cost Kernel<RoiParams>::cost(const StepView& view, const RoiParams&) { return traffic(view); }

std::unique_ptr<Runner> Kernel<RoiParams>::bind(const StepView& view, const RoiParams& params,
                                                const Binding& binding) {
  return std::make_unique<RoiRunner>(view, params, binding);
}

}  // namespace openhb
