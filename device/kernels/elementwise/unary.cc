// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/elementwise/unary.h"

#include "device/kernels/elementwise/isa_rows.h"
#include "device/kernels/elementwise/unary_loops.h"
#include "device/kernels/elementwise/walk_runner.h"

namespace openhb::kernels {

OPENHB_LOOP_ROWS(UnaryLoops, kUnaryLoops)

namespace {

class UnaryRunner final : public WalkRunner {
 public:
  UnaryRunner(const StepView& view, const UnaryParams& params, const Binding& binding)
      : WalkRunner(view.out()),
        walk_(broadcast_walk(view.out().dims, false, view.in(0), view.out())),
        x_(reinterpret_cast<const float*>(binding.inputs[0])),
        y_(reinterpret_cast<float*>(binding.outputs[0])),
        alpha_(params.alpha),
        beta_(params.beta) {
    const auto& loops = choose_kUnaryLoops(binding.cpu);
    name_ = loops.name;
    row_ = loops.fn->row[static_cast<size_t>(params.function)];
  }

  const char* row() const override { return name_; }

  void run_elements(Range range) noexcept override {
    walk_.for_rows(range.first, range.last, [&](const auto& at, int64_t n, int64_t) {
      row_(x_ + at[0], y_ + at[1], n, alpha_, beta_);
    });
  }

 private:
  RowWalk<2> walk_;
  const float* x_;
  float* y_;
  float alpha_, beta_;
  UnaryRow row_;
  const char* name_;
};

}  // namespace
}  // namespace openhb::kernels

namespace openhb {

using namespace kernels;

void Kernel<UnaryParams>::validate(const StepView& view, const UnaryParams& params) {
  check_tensors(view, 1);
  check_dtype(view, view.in(0), DType::f32);
  check_dtype(view, view.out(), DType::f32);
  check_same_dims(view, view.in(0), view.out());
  const auto f = static_cast<int32_t>(params.function);
  view.require(f >= 0 && f < math::kUnaryFunctions, "unknown function");
}

Cost Kernel<UnaryParams>::cost(const StepView& view, const UnaryParams&) { return traffic(view); }
RowUse Kernel<UnaryParams>::row_use(const StepView& view, const UnaryParams&) {
  return elementwise_rows(view);
}

std::unique_ptr<Runner> Kernel<UnaryParams>::bind(const StepView& view, const UnaryParams& params,
                                                  const Binding& binding) {
  return std::make_unique<UnaryRunner>(view, params, binding);
}

}  // namespace openhb
