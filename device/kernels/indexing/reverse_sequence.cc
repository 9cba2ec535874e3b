// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "device/kernels/indexing/indexing.h"
#include "device/kernels/indexing/positions.h"

namespace openhb::kernels {
namespace {

// Items are the entries of both leading dimensions; each is `rows_` rows of `row_` elements.
class ReverseRunner final : public Runner {
 public:
  ReverseRunner(const StepView& view, const ReverseSequenceParams& p, const Binding& binding)
      : time_first_(p.time_axis == 0),
        outer_(view.out().dims[0]),
        inner_(view.out().dims[1]),
        x_strides_(view.in(0).strides()),
        y_strides_(view.out().strides()),
        lengths_(view.in(1), binding.inputs[1]),
        x_(binding.inputs[0]),
        y_(binding.outputs[0]),
        size_(static_cast<int64_t>(dtype_size(view.out().dtype))) {
    const Shape& dims = view.out().dims;
    for (size_t i = 2; i + 1 < dims.size(); ++i) rows_ *= dims[i];
    if (dims.size() > 2) row_ = dims.back();
    x_pitch_ = view.in(0).pitch, y_pitch_ = view.out().pitch;
  }

  int max_parts() const override { return parts_for(outer_ * inner_ * rows_ * row_, outer_ * inner_); }

  void run(int part, int parts) noexcept override {
    const Range range = split_range(outer_ * inner_, part, parts);
    for (int64_t item = range.first; item < range.last; ++item) {
      const int64_t i = item / inner_, j = item % inner_;
      const int64_t time = time_first_ ? i : j, batch = time_first_ ? j : i;
      const int64_t length = std::clamp<int64_t>(lengths_[batch], 0, time_first_ ? outer_ : inner_);
      const int64_t source = time < length ? length - 1 - time : time;
      const int64_t from =
          (time_first_ ? source : i) * x_strides_[0] + (time_first_ ? j : source) * x_strides_[1];
      const int64_t to = i * y_strides_[0] + j * y_strides_[1];
      for (int64_t r = 0; r < rows_; ++r)
        std::memmove(y_ + (to + r * y_pitch_) * size_, x_ + (from + r * x_pitch_) * size_,
                     static_cast<size_t>(row_ * size_));
    }
  }

 private:
  bool time_first_;
  int64_t outer_, inner_, rows_ = 1, row_ = 1, x_pitch_ = 1, y_pitch_ = 1;
  Shape x_strides_, y_strides_;
  Positions lengths_;
  const std::byte* x_;
  std::byte* y_;
  int64_t size_;
};

}  // namespace
}  // namespace openhb::kernels

namespace openhb {

using namespace kernels;

void Kernel<ReverseSequenceParams>::validate(const StepView& view, const ReverseSequenceParams& params) {
  check_tensors(view, 2);
  const TensorDesc &x = view.in(0), &lengths = view.in(1);
  check_same_dims(view, x, view.out());
  check_dtype(view, x, view.out().dtype);
  check_positions(view, lengths);
  view.require(
      (params.batch_axis == 0 && params.time_axis == 1) || (params.batch_axis == 1 && params.time_axis == 0),
      "impossible axes");
  view.require(x.rank() >= 2 && lengths.rank() == 1 &&
                   lengths.dims[0] == x.dims[static_cast<size_t>(params.batch_axis)],
               "wrong extents");
}

Cost Kernel<ReverseSequenceParams>::cost(const StepView& view, const ReverseSequenceParams&) {
  return traffic(view);
}

std::unique_ptr<Runner> Kernel<ReverseSequenceParams>::bind(const StepView& view,
                                                            const ReverseSequenceParams& params,
                                                            const Binding& binding) {
  return std::make_unique<ReverseRunner>(view, params, binding);
}

}  // namespace openhb
