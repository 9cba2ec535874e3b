// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/movement/gather.h"

#include <cstring>

#include "device/kernels/elementwise/checks.h"
#include "device/kernels/elementwise/walk.h"

namespace openhb::kernels {
namespace {

// The loops are the output's: data's outer dimensions, those of the indices, data's inner dimensions.
RowWalk<3> gather_walk(const TensorDesc& data, const TensorDesc& indices, const TensorDesc& y, size_t axis) {
  const Shape data_strides = data.strides(), index_strides = indices.strides(), y_strides = y.strides();
  std::vector<std::array<int64_t, 3>> strides(y.rank());
  for (size_t i = 0; i < y.rank(); ++i) {
    const size_t after = axis + indices.rank();
    if (i < axis)
      strides[i] = {data_strides[i], 0, y_strides[i]};
    else if (i < after)
      strides[i] = {0, index_strides[i - axis], y_strides[i]};
    else
      strides[i] = {data_strides[i - after + axis + 1], 0, y_strides[i]};
  }
  return RowWalk<3>(y.dims, strides);
}

class GatherRunner final : public Runner {
 public:
  GatherRunner(const StepView& view, const GatherParams& params, const Binding& binding)
      : walk_(gather_walk(view.in(0), view.in(1), view.out(), static_cast<size_t>(params.axis))),
        data_(binding.inputs[0]),
        indices_(binding.inputs[1]),
        y_(binding.outputs[0]),
        size_(static_cast<int64_t>(dtype_size(view.out().dtype))),
        extent_(view.in(0).dims[static_cast<size_t>(params.axis)]),
        axis_stride_(view.in(0).strides()[static_cast<size_t>(params.axis)]),
        wide_(view.in(1).dtype == DType::i64) {}

  int max_parts() const override { return parts_for(walk_.elements, walk_.elements); }

  void run(int part, int parts) noexcept override {
    const Range range = split_range(walk_.elements, part, parts);
    walk_.for_rows(range.first, range.last, [&](const auto& at, int64_t n, int64_t) {
      std::byte* y = y_ + at[2] * size_;
      if (walk_.row_stride[0] == 1 && walk_.row_stride[1] == 0) {
        std::memmove(y, source(at[0], at[1]), static_cast<size_t>(n * size_));
        return;
      }
      for (int64_t i = 0; i < n; ++i)
        std::memmove(y + i * size_, source(at[0] + i * walk_.row_stride[0], at[1] + i * walk_.row_stride[1]),
                     static_cast<size_t>(size_));
    });
  }

 private:
  // Negative indices count from the end; what lies outside is clamped.
  const std::byte* source(int64_t data_offset, int64_t index_offset) const {
    int64_t index = wide_ ? reinterpret_cast<const int64_t*>(indices_)[index_offset]
                          : reinterpret_cast<const int32_t*>(indices_)[index_offset];
    if (index < 0) index += extent_;
    index = std::clamp<int64_t>(index, 0, extent_ - 1);
    return data_ + (data_offset + index * axis_stride_) * size_;
  }

  RowWalk<3> walk_;
  const std::byte *data_, *indices_;
  std::byte* y_;
  int64_t size_, extent_, axis_stride_;
  bool wide_;
};

}  // namespace
}  // namespace openhb::kernels

namespace openhb {

using namespace kernels;

void Kernel<GatherParams>::validate(const StepView& view, const GatherParams& params) {
  check_tensors(view, 2);
  const TensorDesc &data = view.in(0), &indices = view.in(1), &y = view.out();
  view.require(indices.dtype == DType::i32 || indices.dtype == DType::i64, "indices are not int32 or int64");
  check_dtype(view, data, y.dtype);
  view.require(params.axis >= 0 && static_cast<size_t>(params.axis) < data.rank(), "no such axis");
  const auto axis = data.dims.begin() + params.axis;
  Shape expected(data.dims.begin(), axis);
  expected.insert(expected.end(), indices.dims.begin(), indices.dims.end());
  expected.insert(expected.end(), axis + 1, data.dims.end());
  view.require(y.dims == expected, "wrong output extents");
  view.require(*axis > 0 || y.elements() == 0, "nothing to choose from");
}

Cost Kernel<GatherParams>::cost(const StepView& view, const GatherParams&) {
  Cost cost;
  cost.bytes = 2 * view.out().elements() * static_cast<int64_t>(dtype_size(view.out().dtype)) +
               view.in(1).elements() * static_cast<int64_t>(dtype_size(view.in(1).dtype));
  return cost;
}

std::unique_ptr<Runner> Kernel<GatherParams>::bind(const StepView& view, const GatherParams& params,
                                                   const Binding& binding) {
  return std::make_unique<GatherRunner>(view, params, binding);
}

}  // namespace openhb
