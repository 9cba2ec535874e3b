// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/elementwise/cast.h"

#include "device/kernels/elementwise/convert.h"
#include "device/kernels/elementwise/loop.h"
#include "device/kernels/elementwise/walk_runner.h"

namespace openhb::kernels {
namespace {

using CastRow = void (*)(const std::byte* x, std::byte* y, int64_t n);

template <class S, class D>
void cast_row(const std::byte* x_bytes, std::byte* y_bytes, int64_t n) {
  const S* x = reinterpret_cast<const S*>(x_bytes);
  D* y = reinterpret_cast<D*>(y_bytes);
  OPENHB_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) y[i] = convert<D>(x[i]);
}

CastRow choose(DType from, DType to) {
  return with_element_type(from, [&]<class S>() -> CastRow {
    return with_element_type(to, [&]<class D>() -> CastRow { return cast_row<S, D>; });
  });
}

class CastRunner final : public WalkRunner {
 public:
  CastRunner(const StepView& view, const Binding& binding)
      : WalkRunner(view.out()),
        walk_(broadcast_walk(view.out().dims, false, view.in(0), view.out())),
        x_(binding.inputs[0]),
        y_(binding.outputs[0]),
        x_size_(static_cast<int64_t>(dtype_size(view.in(0).dtype))),
        y_size_(static_cast<int64_t>(dtype_size(view.out().dtype))),
        row_(choose(view.in(0).dtype, view.out().dtype)) {}

  void run_elements(Range range) noexcept override {
    walk_.for_rows(range.first, range.last, [&](const auto& at, int64_t n, int64_t) {
      row_(x_ + at[0] * x_size_, y_ + at[1] * y_size_, n);
    });
  }

 private:
  RowWalk<2> walk_;
  const std::byte* x_;
  std::byte* y_;
  int64_t x_size_, y_size_;
  CastRow row_;
};

}  // namespace
}  // namespace openhb::kernels

namespace openhb {

using namespace kernels;

void Kernel<CastParams>::validate(const StepView& view, const CastParams&) {
  check_tensors(view, 1);
  check_same_dims(view, view.in(0), view.out());
}

Cost Kernel<CastParams>::cost(const StepView& view, const CastParams&) { return traffic(view); }
RowUse Kernel<CastParams>::row_use(const StepView& view, const CastParams&) { return elementwise_rows(view); }

std::unique_ptr<Runner> Kernel<CastParams>::bind(const StepView& view, const CastParams&,
                                                 const Binding& binding) {
  return std::make_unique<CastRunner>(view, binding);
}

}  // namespace openhb
