// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/elementwise/checks.h"
#include "device/kernels/sampling/coordinates.h"
#include "device/kernels/sampling/sampling.h"

namespace openhb::kernels {
namespace {

class DeformSampleRunner final : public Runner {
 public:
  DeformSampleRunner(const StepView& view, const DeformSampleParams& p, const Binding& binding)
      : p_(p),
        height_(view.in(0).dims[1]),
        width_(view.in(0).dims[2]),
        channels_(view.in(0).dims[3]),
        rows_(view.in(1).dims[1]),
        columns_(view.in(1).dims[2]),
        points_(view.out().dims[1]),
        x_pitch_(view.in(0).pitch),
        offset_pitch_(view.in(1).pitch),
        factor_pitch_(view.num_inputs() > 2 ? view.in(2).pitch : 0),
        y_pitch_(view.out().pitch),
        x_(reinterpret_cast<const float*>(binding.inputs[0])),
        offsets_(reinterpret_cast<const float*>(binding.inputs[1])),
        factors_(view.num_inputs() > 2 ? reinterpret_cast<const float*>(binding.inputs[2]) : nullptr),
        y_(reinterpret_cast<float*>(binding.outputs[0])) {}

  int max_parts() const override {
    return parts_for(saturating_mul(points_ * channels_, 4 * kernel()), points_);
  }

  void run(int part, int parts) noexcept override {
    const Range range = split_range(points_, part, parts);
    for (int64_t point = range.first; point < range.last; ++point)
      for (int64_t g = 0; g < p_.offset_groups; ++g)
        for (int64_t k = 0; k < kernel(); ++k) sample(point, g, k);
  }

 private:
  int64_t kernel() const { return int64_t{p_.kernel[0]} * p_.kernel[1]; }

  // One kernel position of one point, for the channels of an offset group.
  void sample(int64_t point, int64_t g, int64_t k) const {
    const int64_t row = point / columns_ % rows_, column = point % columns_;
    const int64_t image = point / columns_ / rows_;
    const float* offset = offsets_ + point * offset_pitch_ + (g * kernel() + k) * 2;
    const float factor = factors_ ? factors_[point * factor_pitch_ + g * kernel() + k] : 1.0f;
    const float y =
        static_cast<float>(row * p_.stride[0] - p_.pads[0] + k / p_.kernel[1] * p_.dilation[0]) + offset[0];
    const float x =
        static_cast<float>(column * p_.stride[1] - p_.pads[1] + k % p_.kernel[1] * p_.dilation[1]) +
        offset[1];
    const int64_t y0 = floor_index(y), x0 = floor_index(x);
    const float ly = y - static_cast<float>(y0), lx = x - static_cast<float>(x0);
    const float hy = 1.0f - ly, hx = 1.0f - lx;
    const float weight[4] = {hy * hx, hy * lx, ly * hx, ly * lx};
    const float* from[4];
    for (int64_t i = 0; i < 4; ++i) {
      const int64_t r = y0 + i / 2, c = x0 + i % 2;
      const bool valid = r >= 0 && r < height_ && c >= 0 && c < width_;
      from[i] = valid ? x_ + ((image * height_ + r) * width_ + c) * x_pitch_ : nullptr;
    }
    const int64_t own = channels_ / p_.offset_groups, per_group = channels_ / p_.groups;
    for (int64_t c = g * own; c < (g + 1) * own; ++c) {
      float sum = 0;
      for (int i = 0; i < 4; ++i)
        if (from[i]) sum += weight[i] * from[i][c];
      const int64_t at = (c / per_group * points_ + point) * y_pitch_ + k * per_group + c % per_group;
      y_[at] = factors_ ? sum * factor : sum;
    }
  }

  DeformSampleParams p_;
  int64_t height_, width_, channels_, rows_, columns_, points_, x_pitch_, offset_pitch_, factor_pitch_,
      y_pitch_;
  const float *x_, *offsets_, *factors_;
  float* y_;
};

}  // namespace
}  // namespace openhb::kernels

namespace openhb {

using namespace kernels;

void Kernel<DeformSampleParams>::validate(const StepView& view, const DeformSampleParams& p) {
  constexpr int64_t kLargest = int64_t{1} << 24;
  const bool factors = view.num_inputs() == 3;
  check_tensors(view, factors ? 3 : 2);
  const TensorDesc &x = view.in(0), &offsets = view.in(1), &y = view.out();
  for (size_t i = 0; i < view.num_inputs(); ++i) check_dtype(view, view.in(i), DType::f32);
  check_dtype(view, y, DType::f32);
  view.require(x.rank() == 4 && offsets.rank() == 4 && y.rank() == 3, "tensors are not 4-D");
  for (size_t i = 0; i < 2; ++i)
    view.require(p.kernel[i] >= 1 && p.kernel[i] <= 4096 && p.stride[i] >= 1 && p.dilation[i] >= 1 &&
                     x.dims[i + 1] <= kLargest && offsets.dims[i + 1] <= kLargest,
                 "impossible window");
  view.require(
      p.groups >= 1 && p.offset_groups >= 1 && x.dims[3] % p.groups == 0 && x.dims[3] % p.offset_groups == 0,
      "groups do not divide the channels");
  const int64_t kernel = int64_t{p.kernel[0]} * p.kernel[1];
  view.require(offsets.dims[0] == x.dims[0] && offsets.dims[3] == 2 * kernel * p.offset_groups,
               "offsets have the wrong extents");
  if (factors)
    view.require(
        view.in(2).dims == Shape{offsets.dims[0], offsets.dims[1], offsets.dims[2], kernel * p.offset_groups},
        "factors have the wrong extents");
  const int64_t points = checked_mul(checked_mul(offsets.dims[0], offsets.dims[1]), offsets.dims[2]);
  view.require(y.dims == Shape{p.groups, points, checked_mul(kernel, x.dims[3] / p.groups)},
               "wrong output extents");
}

Cost Kernel<DeformSampleParams>::cost(const StepView& view, const DeformSampleParams&) {
  return traffic(view, saturating_mul(view.out().elements(), 4));
}

std::unique_ptr<Runner> Kernel<DeformSampleParams>::bind(const StepView& view,
                                                         const DeformSampleParams& params,
                                                         const Binding& binding) {
  return std::make_unique<DeformSampleRunner>(view, params, binding);
}

}  // namespace openhb
