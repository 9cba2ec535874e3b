// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/elementwise/lut.h"

#include <algorithm>

#include "device/kernels/elementwise/int16_rows.h"
#include "device/kernels/elementwise/isa_rows.h"
#include "device/kernels/elementwise/lut_loops.h"
#include "device/kernels/elementwise/walk_runner.h"

namespace openhb::kernels {

OPENHB_DECLARE_LOOPS(ref, LutLoops, kLutLoops)
#if defined(__x86_64__)
OPENHB_DECLARE_LOOPS(avx2, LutLoops, kLutLoops)
OPENHB_DECLARE_LOOPS(avx512, LutLoops, kLutLoops)
OPENHB_DECLARE_LOOPS(avx512vbmi, LutLoops, kLutLoops)
#elif defined(__aarch64__)
OPENHB_DECLARE_LOOPS(neon, LutLoops, kLutLoops)
#endif

namespace {

constexpr KernelRow<const LutLoops*> kLutRows[] = {
    {"ref", 0, &ref::kLutLoops},
#if defined(__x86_64__)
    {"avx2", kCpuAvx2, &avx2::kLutLoops},
    {"avx512", kCpuAvx2 | kCpuAvx512, &avx512::kLutLoops},
    {"avx512vbmi", kCpuAvx2 | kCpuAvx512 | kCpuAvx512Vbmi, &avx512vbmi::kLutLoops},
#elif defined(__aarch64__)
    {"neon", kCpuNeon, &neon::kLutLoops},
#endif
};

class LutRunner final : public WalkRunner {
 public:
  LutRunner(const StepView& view, const Binding& binding)
      : WalkRunner(view.out()),
        walk_(broadcast_walk(view.out().dims, false, view.in(0), view.out())),
        x_(reinterpret_cast<const int8_t*>(binding.inputs[0])),
        table_(reinterpret_cast<const int8_t*>(binding.inputs[1])),
        y_(reinterpret_cast<int8_t*>(binding.outputs[0])) {
    const auto& loops = choose_row(kLutRows, binding.cpu);
    name_ = loops.name;
    look_up_ = loops.fn->look_up;
  }

  const char* row() const override { return name_; }

  void run_elements(Range range) noexcept override {
    walk_.for_planes(range.first, range.last, [&](const auto& at, const Plane<2>& plane) {
      look_up_(x_ + at[0], y_ + at[1], plane, table_);
    });
  }

 private:
  RowWalk<2> walk_;
  const int8_t *x_, *table_;
  int8_t* y_;
  decltype(LutLoops::look_up) look_up_;
  const char* name_;
};

// With int16 codes on one side or both.
class Int16LutRunner final : public WalkRunner {
 public:
  Int16LutRunner(const StepView& view, const Binding& binding)
      : WalkRunner(view.out()),
        walk_(broadcast_walk(view.out().dims, false, view.in(0), view.out())),
        x_(binding.inputs[0]),
        table_(binding.inputs[1]),
        y_(binding.outputs[0]),
        widens_(view.in(0).dtype == DType::i8),
        narrows_(view.out().dtype == DType::i8),
        loops_(choose_kInt16Loops(binding.cpu)) {
    for (int64_t step = view.in(1).elements() - 1; step < 65536; step *= 2) ++shift_;
    bounds_ = !widens_ && !narrows_ && find_bounds(view.in(1).elements());
  }

  const char* row() const override { return loops_.name; }

  void run_elements(Range range) noexcept override {
    const auto* x8 = reinterpret_cast<const int8_t*>(x_);
    const auto* x16 = reinterpret_cast<const int16_t*>(x_);
    auto* y16 = reinterpret_cast<int16_t*>(y_);
    walk_.for_rows(range.first, range.last, [&](const auto& at, int64_t n, int64_t) {
      if (bounds_)
        loops_.fn->bound(x16 + at[0], y16 + at[1], n, lo_, hi_);
      else if (widens_)
        loops_.fn->look_up(x8 + at[0], y16 + at[1], n, reinterpret_cast<const int16_t*>(table_));
      else
        loops_.fn->interpolate[narrows_](x16 + at[0], narrows_ ? static_cast<void*>(y_ + at[1]) : y16 + at[1],
                                         n, reinterpret_cast<const int32_t*>(table_), shift_);
    });
  }

 private:
  // Whether the table is that of a Relu or Clip that leaves the scale as it is: bounds at entries, between
  // which interpolation gives the code itself.
  bool find_bounds(int64_t entries) {
    const auto* table = reinterpret_cast<const int32_t*>(table_);
    const int32_t lo = table[0] / kLutOne, hi = table[entries - 1] / kLutOne, step = 1 << shift_;
    if (lo % step != 0 || hi % step != 0 || lo < -32768 || lo > 32767 || hi < lo) return false;
    for (int64_t i = 0; i < entries; ++i) {
      const auto code = static_cast<int32_t>(i * step - 32768);
      if (table[i] != std::clamp(code, lo, hi) * kLutOne) return false;
    }
    lo_ = static_cast<int16_t>(lo), hi_ = static_cast<int16_t>(std::min(hi, 32767));
    return true;
  }

  RowWalk<2> walk_;
  const std::byte *x_, *table_;
  std::byte* y_;
  bool widens_, narrows_, bounds_ = false;
  int16_t lo_ = 0, hi_ = 0;
  int shift_ = 0;
  KernelRow<const Int16Loops*> loops_;
};

// 2^k + 1 entries of the documented range, so that the interpolation cannot overflow.
void check_knots(const StepView& view) {
  const int64_t steps = view.in(1).elements() - 1;
  view.require(steps >= 1 << kLutLeastBits && steps <= 65536 && (steps & (steps - 1)) == 0,
               "table has the wrong extents");
  check_table(view, 1, DType::i32, {steps + 1});
  for (const int32_t t : view.constant<int32_t>(1))
    view.require(t >= -kLutLargest && t <= kLutLargest, "table entry out of range");
}

}  // namespace
}  // namespace openhb::kernels

namespace openhb {

using namespace kernels;

void Kernel<LutParams>::validate(const StepView& view, const LutParams&) {
  check_tensors(view, 2);
  const DType from = view.in(0).dtype, to = view.out().dtype;
  view.require((from == DType::i8 || from == DType::i16) && (to == DType::i8 || to == DType::i16),
               "wrong element type");
  check_same_dims(view, view.in(0), view.out());
  from == DType::i8 ? check_table(view, 1, to, {256}) : check_knots(view);
}

Cost Kernel<LutParams>::cost(const StepView& view, const LutParams&) { return traffic(view); }
RowUse Kernel<LutParams>::row_use(const StepView& view, const LutParams&) { return elementwise_rows(view); }

std::unique_ptr<Runner> Kernel<LutParams>::bind(const StepView& view, const LutParams&,
                                                const Binding& binding) {
  if (view.in(0).dtype == DType::i16 || view.out().dtype == DType::i16)
    return std::make_unique<Int16LutRunner>(view, binding);
  return std::make_unique<LutRunner>(view, binding);
}

}  // namespace openhb
