// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/detection/ps_roi_pool.h"

#include "device/kernels/elementwise/checks.h"

namespace openhb::kernels {
namespace {

// To the nearest whole number, halves away from 0.
float nearest(float x) {
  const float magnitude = __builtin_fabsf(x);
  float whole = __builtin_floorf(magnitude);
  if (magnitude - whole >= 0.5f) whole += 1.0f;
  return __builtin_copysignf(whole, x);
}

// A position as an index; what is not a number is 0.
int64_t index_of(float position, int64_t extent) {
  if (!(position > 0.0f)) return 0;
  return position >= static_cast<float>(extent) ? extent : static_cast<int64_t>(position);
}

class PsRoiPoolRunner final : public Runner {
 public:
  PsRoiPoolRunner(const StepView& view, const PsRoiPoolParams& params, const Binding& binding)
      : scale_(params.spatial_scale),
        x_dims_(view.in(0).dims),
        y_dims_(view.out().dims),
        x_strides_(view.in(0).strides()),
        y_strides_(view.out().strides()),
        roi_stride_(view.in(1).strides()[0]),
        x_(reinterpret_cast<const float*>(binding.inputs[0])),
        rois_(reinterpret_cast<const float*>(binding.inputs[1])),
        y_(reinterpret_cast<float*>(binding.outputs[0])) {}

  int max_parts() const override {
    return parts_for(saturating_mul(num_elements(y_dims_), 64), num_elements(y_dims_));
  }

  void run(int part, int parts) noexcept override {
    const int64_t group = y_dims_[2];
    const Range range = split_range(num_elements(y_dims_), part, parts);
    for (int64_t i = range.first; i < range.last; ++i) {
      const int64_t column = i % group, row = i / group % group, d = i / group / group % y_dims_[1];
      const int64_t r = i / group / group / y_dims_[1];
      y_[r * y_strides_[0] + d * y_strides_[1] + row * y_strides_[2] + column] =
          average(rois_ + r * roi_stride_, (d * group + row) * group + column, row, column);
    }
  }

 private:
  // First and last+1 index of bin `bin` along an axis.
  Range bin_range(float first, float last, int64_t bin, int64_t extent) const {
    const float begin = nearest(first) * scale_, end = (nearest(last) + 1.0f) * scale_;
    const float length = end - begin > 0.1f ? end - begin : 0.1f;
    const float size = length / static_cast<float>(y_dims_[2]);
    const float low = static_cast<float>(bin) * size + begin,
                high = static_cast<float>(bin + 1) * size + begin;
    return {index_of(__builtin_floorf(low), extent), index_of(__builtin_ceilf(high), extent)};
  }

  float average(const float* roi, int64_t channel, int64_t row, int64_t column) const {
    const int64_t last = x_dims_[0] - 1, image = std::min(index_of(roi[0], x_dims_[0]), last);
    const Range columns = bin_range(roi[1], roi[3], column, x_dims_[3]);
    const Range rows = bin_range(roi[2], roi[4], row, x_dims_[2]);
    if (columns.first >= columns.last || rows.first >= rows.last || image < 0) return 0.0f;
    const float* plane = x_ + image * x_strides_[0] + channel * x_strides_[1];
    float sum = 0;
    for (int64_t h = rows.first; h < rows.last; ++h)
      for (int64_t w = columns.first; w < columns.last; ++w) sum += plane[h * x_strides_[2] + w];
    return sum / static_cast<float>((rows.last - rows.first) * (columns.last - columns.first));
  }

  float scale_;
  Shape x_dims_, y_dims_, x_strides_, y_strides_;
  int64_t roi_stride_;
  const float *x_, *rois_;
  float* y_;
};

}  // namespace
}  // namespace openhb::kernels

namespace openhb {

using namespace kernels;

void Kernel<PsRoiPoolParams>::validate(const StepView& view, const PsRoiPoolParams& params) {
  check_tensors(view, 2);
  for (size_t i = 0; i < 2; ++i) check_dtype(view, view.in(i), DType::f32);
  check_dtype(view, view.out(), DType::f32);
  const Shape &x = view.in(0).dims, &rois = view.in(1).dims, &y = view.out().dims;
  view.require(x.size() == 4 && rois.size() == 2 && y.size() == 4, "wrong ranks");
  view.require(std::isfinite(params.spatial_scale) && params.spatial_scale > 0,
               "scale is not a positive number");
  view.require(x[0] >= 1, "no image");
  view.require(rois[1] == 5 && y[0] == rois[0] && y[2] == y[3], "wrong extents");
  view.require(x[1] == checked_mul(checked_mul(y[1], y[2]), y[3]), "wrong number of channels");
}

Cost Kernel<PsRoiPoolParams>::cost(const StepView& view, const PsRoiPoolParams&) {
  Cost cost = traffic(view);
  // Bins may cover the whole plane.
  cost.macs = saturating_mul(view.out().elements(), saturating_mul(view.in(0).dims[2], view.in(0).dims[3]));
  return cost;
}

std::unique_ptr<Runner> Kernel<PsRoiPoolParams>::bind(const StepView& view, const PsRoiPoolParams& params,
                                                      const Binding& binding) {
  return std::make_unique<PsRoiPoolRunner>(view, params, binding);
}

}  // namespace openhb
