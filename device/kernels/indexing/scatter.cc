// SPDX-License-Identifier: Apache-2.0
// ScatterElements and ScatterND: a copy of the data, then the updates in their order (one part: two updates
// may meet in one element).
#include <cstring>

#include "device/kernels/elementwise/convert.h"
#include "device/kernels/indexing/indexing.h"
#include "device/kernels/indexing/tuples.h"

namespace openhb::kernels {
namespace {

// Integers wrap; max and min keep a NaN, as Binary does.
template <class T>
T combine(T a, T b, ScatterReduction r) {
  if constexpr (std::is_same_v<T, Bool>) {
    const bool x = a.byte != 0, y = b.byte != 0;
    const bool both = r == ScatterReduction::mul || r == ScatterReduction::min;
    return {static_cast<uint8_t>(both ? x && y : x || y)};
  } else if constexpr (std::is_same_v<T, Half>) {
    return b;  // refused by validate
  } else if constexpr (std::is_floating_point_v<T>) {
    if (r == ScatterReduction::add) return a + b;
    if (r == ScatterReduction::mul) return a * b;
    if (a != a || b != b) return std::numeric_limits<T>::quiet_NaN();
    return r == ScatterReduction::max ? (a > b ? a : b) : (a < b ? a : b);
  } else {
    if (r == ScatterReduction::max) return a > b ? a : b;
    if (r == ScatterReduction::min) return a < b ? a : b;
    const auto x = static_cast<uint64_t>(a), y = static_cast<uint64_t>(b);
    return static_cast<T>(r == ScatterReduction::add ? x + y : x * y);
  }
}

using Update = void (*)(std::byte* y, const std::byte* update, int64_t n, ScatterReduction r);

// `n` neighbouring elements; moved byte by byte, as tensors of damaged files may overlap.
template <class T>
void update_elements(std::byte* y, const std::byte* update, int64_t n, ScatterReduction r) {
  if (r == ScatterReduction::none) {
    std::memmove(y, update, static_cast<size_t>(n) * sizeof(T));
    return;
  }
  for (int64_t i = 0; i < n; ++i) {
    T a, b;
    std::memcpy(&a, y + i * int64_t{sizeof(T)}, sizeof(T));
    std::memcpy(&b, update + i * int64_t{sizeof(T)}, sizeof(T));
    const T c = combine(a, b, r);
    std::memcpy(y + i * int64_t{sizeof(T)}, &c, sizeof(T));
  }
}

Update choose_update(DType dtype) {
  return with_element_type(dtype, []<class T>() -> Update { return update_elements<T>; });
}

// What both steps share.
class ScatterRunner : public Runner {
 public:
  ScatterRunner(const StepView& view, const Binding& binding, RowWalk<3> updates, ScatterReduction reduction)
      : updates_(updates),
        indices_(view.in(1), binding.inputs[1]),
        y_(binding.outputs[0]),
        update_data_(binding.inputs[2]),
        size_(static_cast<int64_t>(dtype_size(view.out().dtype))),
        reduction_(reduction),
        update_(choose_update(view.out().dtype)),
        copy_(broadcast_walk(view.out().dims, false, view.in(0), view.out())),
        data_(binding.inputs[0]) {}

 protected:
  void copy_data() {
    copy_.for_rows(0, copy_.elements, [&](const auto& at, int64_t n, int64_t) {
      const bool dense = copy_.row_stride[0] == 1;  // else the rows have one element
      for (int64_t i = 0, step = dense ? n : 1; i < n; i += step)
        std::memmove(y_ + (at[1] + i) * size_, data_ + (at[0] + i * copy_.row_stride[0]) * size_,
                     static_cast<size_t>(step * size_));
    });
  }

  RowWalk<3> updates_;
  Positions indices_;
  std::byte* y_;
  const std::byte* update_data_;
  int64_t size_;
  ScatterReduction reduction_;
  Update update_;

 private:
  RowWalk<2> copy_;
  const std::byte* data_;
};

RowWalk<3> update_walk(const StepView& view, size_t axis) {
  const Shape y = view.out().strides(), indices = view.in(1).strides(), updates = view.in(2).strides();
  std::vector<std::array<int64_t, 3>> strides(y.size());
  for (size_t i = 0; i < y.size(); ++i) strides[i] = {i == axis ? 0 : y[i], indices[i], updates[i]};
  return RowWalk<3>(view.in(2).dims, strides);
}

class ScatterElementsRunner final : public ScatterRunner {
 public:
  ScatterElementsRunner(const StepView& view, const ScatterElementsParams& p, const Binding& binding)
      : ScatterRunner(view, binding, update_walk(view, static_cast<size_t>(p.axis)), p.reduction),
        extent_(view.out().dims[static_cast<size_t>(p.axis)]),
        stride_(view.out().strides()[static_cast<size_t>(p.axis)]) {}

  void run(int part, int) noexcept override {
    if (part != 0) return;
    copy_data();
    updates_.for_rows(0, updates_.elements, [&](const auto& at, int64_t n, int64_t) {
      for (int64_t i = 0; i < n; ++i) {
        const int64_t index = indices_.checked(at[1] + i * updates_.row_stride[1], extent_);
        if (index < 0) continue;
        update_(y_ + (at[0] + i * updates_.row_stride[0] + index * stride_) * size_,
                update_data_ + (at[2] + i * updates_.row_stride[2]) * size_, 1, reduction_);
      }
    });
  }

 private:
  int64_t extent_, stride_;
};

class ScatterNdRunner final : public ScatterRunner {
 public:
  ScatterNdRunner(const StepView& view, const ScatterNdParams& p, const Binding& binding)
      : ScatterRunner(view, binding, slice_walk(view.out(), view.in(1), view.in(2), 0), p.reduction),
        target_(view.out(), 0, static_cast<size_t>(view.in(1).dims.back())) {}

  void run(int part, int) noexcept override {
    if (part != 0) return;
    copy_data();
    updates_.for_rows(0, updates_.elements, [&](const auto& at, int64_t n, int64_t) {
      const bool whole = updates_.row_stride[1] == 0 && updates_.row_stride[0] == 1;
      const int64_t step = whole ? n : 1;
      for (int64_t i = 0; i < n; i += step) {
        const int64_t slice = target_.checked(indices_, at[1] + i * updates_.row_stride[1]);
        if (slice < 0) continue;
        update_(y_ + (at[0] + i * updates_.row_stride[0] + slice) * size_,
                update_data_ + (at[2] + i * updates_.row_stride[2]) * size_, step, reduction_);
      }
    });
  }

 private:
  TupleTarget target_;
};

void check_scatter(const StepView& view, ScatterReduction reduction) {
  check_tensors(view, 3);
  check_same_dims(view, view.in(0), view.out());
  check_dtype(view, view.in(0), view.out().dtype);
  check_dtype(view, view.in(2), view.out().dtype);
  view.require(reduction >= ScatterReduction::none && reduction <= ScatterReduction::min,
               "unknown reduction");
  view.require(reduction == ScatterReduction::none || view.out().dtype != DType::f16, "wrong element type");
}

}  // namespace
}  // namespace openhb::kernels

namespace openhb {

using namespace kernels;

void Kernel<ScatterElementsParams>::validate(const StepView& view, const ScatterElementsParams& params) {
  check_scatter(view, params.reduction);
  const TensorDesc &y = view.out(), &indices = view.in(1);
  check_positions(view, indices);
  check_same_dims(view, indices, view.in(2));
  view.require(params.axis >= 0 && static_cast<size_t>(params.axis) < y.rank(), "no such axis");
  view.require(indices.rank() == y.rank(), "ranks differ");
  for (size_t i = 0; i < y.rank(); ++i)
    view.require(i == static_cast<size_t>(params.axis) || indices.dims[i] <= y.dims[i],
                 "indices are larger than the data");
}

Cost Kernel<ScatterElementsParams>::cost(const StepView& view, const ScatterElementsParams&) {
  return traffic(view);
}

std::unique_ptr<Runner> Kernel<ScatterElementsParams>::bind(const StepView& view,
                                                            const ScatterElementsParams& params,
                                                            const Binding& binding) {
  return std::make_unique<ScatterElementsRunner>(view, params, binding);
}

void Kernel<ScatterNdParams>::validate(const StepView& view, const ScatterNdParams& params) {
  check_scatter(view, params.reduction);
  check_tuples(view, view.out(), view.in(1), view.in(2), 0);
}

Cost Kernel<ScatterNdParams>::cost(const StepView& view, const ScatterNdParams&) { return traffic(view); }

std::unique_ptr<Runner> Kernel<ScatterNdParams>::bind(const StepView& view, const ScatterNdParams& params,
                                                      const Binding& binding) {
  return std::make_unique<ScatterNdRunner>(view, params, binding);
}

}  // namespace openhb
