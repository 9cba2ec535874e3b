// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "device/kernels/elementwise/walk.h"
#include "device/kernels/indexing/indexing.h"
#include "device/kernels/indexing/positions.h"

namespace openhb::kernels {
namespace {

// Loops over the output; data does not move along `axis`, its index does that.
RowWalk<3> element_walk(const StepView& view, size_t axis) {
  const Shape data = view.in(0).strides(), indices = view.in(1).strides(), y = view.out().strides();
  std::vector<std::array<int64_t, 3>> strides(y.size());
  for (size_t i = 0; i < y.size(); ++i) strides[i] = {i == axis ? 0 : data[i], indices[i], y[i]};
  return RowWalk<3>(view.out().dims, strides);
}

template <size_t Size>
class GatherElementsRunner final : public Runner {
 public:
  GatherElementsRunner(const StepView& view, size_t axis, const Binding& binding)
      : walk_(element_walk(view, axis)),
        indices_(view.in(1), binding.inputs[1]),
        data_(binding.inputs[0]),
        y_(binding.outputs[0]),
        extent_(view.in(0).dims[axis]),
        axis_stride_(view.in(0).strides()[axis]) {}

  int max_parts() const override { return parts_for(walk_.elements, walk_.elements); }

  void run(int part, int parts) noexcept override {
    const Range range = split_range(walk_.elements, part, parts);
    walk_.for_rows(range.first, range.last, [&](const auto& at, int64_t n, int64_t) {
      for (int64_t i = 0; i < n; ++i) {
        const int64_t index = indices_.clamped(at[1] + i * walk_.row_stride[1], extent_);
        const int64_t from = at[0] + i * walk_.row_stride[0] + index * axis_stride_;
        std::memmove(y_ + (at[2] + i * walk_.row_stride[2]) * int64_t{Size}, data_ + from * int64_t{Size},
                     Size);
      }
    });
  }

 private:
  RowWalk<3> walk_;
  Positions indices_;
  const std::byte* data_;
  std::byte* y_;
  int64_t extent_, axis_stride_;
};

}  // namespace
}  // namespace openhb::kernels

namespace openhb {

using namespace kernels;

void Kernel<GatherElementsParams>::validate(const StepView& view, const GatherElementsParams& params) {
  check_tensors(view, 2);
  const TensorDesc &data = view.in(0), &indices = view.in(1), &y = view.out();
  check_positions(view, indices);
  check_dtype(view, data, y.dtype);
  view.require(params.axis >= 0 && static_cast<size_t>(params.axis) < data.rank(), "no such axis");
  check_same_dims(view, indices, y);
  view.require(indices.rank() == data.rank(), "ranks differ");
  const auto axis = static_cast<size_t>(params.axis);
  for (size_t i = 0; i < data.rank(); ++i)
    view.require(i == axis || indices.dims[i] <= data.dims[i], "indices are larger than the data");
  view.require(data.dims[axis] > 0 || y.elements() == 0, "nothing to choose from");
}

Cost Kernel<GatherElementsParams>::cost(const StepView& view, const GatherElementsParams&) {
  Cost cost;
  cost.bytes = view.out().elements() *
               static_cast<int64_t>(2 * dtype_size(view.out().dtype) + dtype_size(view.in(1).dtype));
  return cost;
}

std::unique_ptr<Runner> Kernel<GatherElementsParams>::bind(const StepView& view,
                                                           const GatherElementsParams& params,
                                                           const Binding& binding) {
  const auto axis = static_cast<size_t>(params.axis);
  switch (dtype_size(view.out().dtype)) {
    case 1:
      return std::make_unique<GatherElementsRunner<1>>(view, axis, binding);
    case 2:
      return std::make_unique<GatherElementsRunner<2>>(view, axis, binding);
    case 4:
      return std::make_unique<GatherElementsRunner<4>>(view, axis, binding);
    default:
      return std::make_unique<GatherElementsRunner<8>>(view, axis, binding);
  }
}

}  // namespace openhb
