// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/elementwise/where.h"

#include "device/kernels/elementwise/loop.h"
#include "device/kernels/elementwise/walk_runner.h"

namespace openhb::kernels {
namespace {

// Strides of the operands within a row: 0 or 1.
struct Steps {
  int64_t condition, a, b;
};
using SelectRow = void (*)(const uint8_t* condition, const std::byte* a, const std::byte* b, std::byte* y,
                           int64_t n, Steps steps);

// Condition, A, B: whether the operand is a row or one value.
template <class T, bool Condition, bool A, bool B>
void select(const uint8_t* condition, const T* a, const T* b, T* y, int64_t n) {
  const uint8_t one_condition = *condition;
  const T one_a = *a, one_b = *b;
  OPENHB_INDEPENDENT
  for (int64_t i = 0; i < n; ++i)
    y[i] = (Condition ? condition[i] : one_condition) != 0 ? (A ? a[i] : one_a) : (B ? b[i] : one_b);
}

template <class T>
void select_row(const uint8_t* condition, const std::byte* a, const std::byte* b, std::byte* y, int64_t n,
                Steps steps) {
  using Select = void (*)(const uint8_t*, const T*, const T*, T*, int64_t);
  constexpr Select kSelect[] = {select<T, false, false, false>, select<T, false, false, true>,
                                select<T, false, true, false>,  select<T, false, true, true>,
                                select<T, true, false, false>,  select<T, true, false, true>,
                                select<T, true, true, false>,   select<T, true, true, true>};
  kSelect[steps.condition * 4 + steps.a * 2 + steps.b](
      condition, reinterpret_cast<const T*>(a), reinterpret_cast<const T*>(b), reinterpret_cast<T*>(y), n);
}

SelectRow row_of(size_t size) {
  switch (size) {
    case 1:
      return select_row<uint8_t>;
    case 2:
      return select_row<uint16_t>;
    case 4:
      return select_row<uint32_t>;
    default:
      return select_row<uint64_t>;
  }
}

class WhereRunner final : public WalkRunner {
 public:
  WhereRunner(const StepView& view, const Binding& binding)
      : WalkRunner(view.out()),
        walk_(broadcast_walk(view.out().dims, false, view.in(0), view.in(1), view.in(2), view.out())),
        condition_(reinterpret_cast<const uint8_t*>(binding.inputs[0])),
        a_(binding.inputs[1]),
        b_(binding.inputs[2]),
        y_(binding.outputs[0]),
        size_(static_cast<int64_t>(dtype_size(view.out().dtype))),
        row_(row_of(dtype_size(view.out().dtype))) {}

  void run_elements(Range range) noexcept override {
    const Steps steps{walk_.row_stride[0], walk_.row_stride[1], walk_.row_stride[2]};
    walk_.for_rows(range.first, range.last, [&](const auto& at, int64_t n, int64_t) {
      row_(condition_ + at[0], a_ + at[1] * size_, b_ + at[2] * size_, y_ + at[3] * size_, n, steps);
    });
  }

 private:
  RowWalk<4> walk_;
  const uint8_t* condition_;
  const std::byte *a_, *b_;
  std::byte* y_;
  int64_t size_;
  SelectRow row_;
};

}  // namespace
}  // namespace openhb::kernels

namespace openhb {

using namespace kernels;

void Kernel<WhereParams>::validate(const StepView& view, const WhereParams&) {
  check_tensors(view, 3);
  const TensorDesc& y = view.out();
  check_dtype(view, view.in(0), DType::boolean);
  check_dtype(view, view.in(1), y.dtype);
  check_dtype(view, view.in(2), y.dtype);
  for (size_t k = 0; k < y.rank(); ++k) {  // counted from the innermost dimension
    const int64_t extent = y.dims[y.rank() - 1 - k];
    int64_t own = 1;  // the extent that is not broadcast
    for (size_t i = 0; i < 3; ++i) {
      const Shape& dims = view.in(i).dims;
      const int64_t d = k < dims.size() ? dims[dims.size() - 1 - k] : 1;
      view.require(d == 1 || d == extent, "extents do not broadcast");
      if (d != 1) own = d;
    }
    view.require(own == extent, "wrong output extents");
  }
  for (size_t i = 0; i < 3; ++i) view.require(view.in(i).rank() <= y.rank(), "extents do not broadcast");
}

Cost Kernel<WhereParams>::cost(const StepView& view, const WhereParams&) { return traffic(view); }
RowUse Kernel<WhereParams>::row_use(const StepView& view, const WhereParams&) {
  return elementwise_rows(view);
}

std::unique_ptr<Runner> Kernel<WhereParams>::bind(const StepView& view, const WhereParams&,
                                                  const Binding& binding) {
  return std::make_unique<WhereRunner>(view, binding);
}

}  // namespace openhb
