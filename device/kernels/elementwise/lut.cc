// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/elementwise/lut.h"

#include "device/kernels/elementwise/checks.h"
#include "device/kernels/elementwise/isa_rows.h"
#include "device/kernels/elementwise/lut_loops.h"
#include "device/kernels/elementwise/walk.h"

namespace openhb::kernels {

OPENHB_LOOP_ROWS(LutLoops, kLutLoops)

namespace {

class LutRunner final : public Runner {
 public:
  LutRunner(const StepView& view, const Binding& binding)
      : walk_(broadcast_walk(view.out().dims, false, view.in(0), view.out())),
        x_(reinterpret_cast<const int8_t*>(binding.inputs[0])),
        table_(reinterpret_cast<const int8_t*>(binding.inputs[1])),
        y_(reinterpret_cast<int8_t*>(binding.outputs[0])) {
    const auto& loops = choose_kLutLoops(binding.cpu);
    name_ = loops.name;
    row_ = loops.fn->row;
  }

  int max_parts() const override { return parts_for(walk_.elements, walk_.elements); }
  const char* row() const override { return name_; }

  void run(int part, int parts) noexcept override {
    const Range range = split_range(walk_.elements, part, parts);
    walk_.for_rows(range.first, range.last,
                   [&](const auto& at, int64_t n, int64_t) { row_(x_ + at[0], y_ + at[1], n, table_); });
  }

 private:
  RowWalk<2> walk_;
  const int8_t *x_, *table_;
  int8_t* y_;
  decltype(LutLoops::row) row_;
  const char* name_;
};

}  // namespace
}  // namespace openhb::kernels

namespace openhb {

using namespace kernels;

void Kernel<LutParams>::validate(const StepView& view, const LutParams&) {
  check_tensors(view, 2);
  check_dtype(view, view.in(0), DType::i8);
  check_dtype(view, view.out(), DType::i8);
  check_same_dims(view, view.in(0), view.out());
  check_table(view, 1, DType::i8, {256});
}

Cost Kernel<LutParams>::cost(const StepView& view, const LutParams&) { return traffic(view); }

std::unique_ptr<Runner> Kernel<LutParams>::bind(const StepView& view, const LutParams&,
                                                const Binding& binding) {
  return std::make_unique<LutRunner>(view, binding);
}

}  // namespace openhb
