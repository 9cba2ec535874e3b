// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "device/kernels/indexing/indexing.h"
#include "device/kernels/indexing/tuples.h"

namespace openhb::kernels {
namespace {

class GatherNdRunner final : public Runner {
 public:
  GatherNdRunner(const StepView& view, size_t batch, const Binding& binding)
      : walk_(slice_walk(view.in(0), view.in(1), view.out(), batch)),
        target_(view.in(0), batch, static_cast<size_t>(view.in(1).dims.back())),
        indices_(view.in(1), binding.inputs[1]),
        data_(binding.inputs[0]),
        y_(binding.outputs[0]),
        size_(static_cast<int64_t>(dtype_size(view.out().dtype))) {}

  int max_parts() const override { return parts_for(walk_.elements, walk_.elements); }

  void run(int part, int parts) noexcept override {
    const Range range = split_range(walk_.elements, part, parts);
    walk_.for_rows(range.first, range.last, [&](const auto& at, int64_t n, int64_t) {
      const bool whole = walk_.row_stride[1] == 0 && walk_.row_stride[0] == 1;
      const int64_t step = whole ? n : 1;
      for (int64_t i = 0; i < n; i += step) {
        const int64_t from =
            at[0] + i * walk_.row_stride[0] + target_.clamped(indices_, at[1] + i * walk_.row_stride[1]);
        std::memmove(y_ + (at[2] + i * walk_.row_stride[2]) * size_, data_ + from * size_,
                     static_cast<size_t>(step * size_));
      }
    });
  }

 private:
  RowWalk<3> walk_;
  TupleTarget target_;
  Positions indices_;
  const std::byte* data_;
  std::byte* y_;
  int64_t size_;
};

}  // namespace
}  // namespace openhb::kernels

namespace openhb {

using namespace kernels;

void Kernel<GatherNdParams>::validate(const StepView& view, const GatherNdParams& params) {
  check_tensors(view, 2);
  const TensorDesc &data = view.in(0), &indices = view.in(1), &y = view.out();
  check_dtype(view, data, y.dtype);
  view.require(params.batch_dims >= 0 && params.batch_dims <= static_cast<int32_t>(kMaxRank),
               "batch_dims is out of range");
  const auto batch = static_cast<size_t>(params.batch_dims);
  check_tuples(view, data, indices, y, batch);
  for (int64_t i = 0; i < indices.dims.back(); ++i)
    view.require(data.dims[batch + static_cast<size_t>(i)] > 0 || y.elements() == 0,
                 "nothing to choose from");
}

Cost Kernel<GatherNdParams>::cost(const StepView& view, const GatherNdParams&) {
  Cost cost;
  cost.bytes = 2 * view.out().elements() * static_cast<int64_t>(dtype_size(view.out().dtype)) +
               view.in(1).elements() * static_cast<int64_t>(dtype_size(view.in(1).dtype));
  return cost;
}

std::unique_ptr<Runner> Kernel<GatherNdParams>::bind(const StepView& view, const GatherNdParams& params,
                                                     const Binding& binding) {
  return std::make_unique<GatherNdRunner>(view, static_cast<size_t>(params.batch_dims), binding);
}

}  // namespace openhb
