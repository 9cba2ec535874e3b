// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/reduction/softmax.h"

#include "device/kernels/elementwise/checks.h"
#include "device/kernels/elementwise/isa_rows.h"
#include "device/kernels/reduction/sequences.h"
#include "device/kernels/reduction/softmax_codes.h"
#include "device/kernels/reduction/softmax_loops.h"

namespace openhb::kernels {

OPENHB_LOOP_ROWS(SoftmaxLoops, kSoftmaxLoops)

namespace {

class SoftmaxRunner final : public Runner {
 public:
  SoftmaxRunner(const StepView& view, const SoftmaxParams& params, const Binding& binding)
      : walk_(sequence_walk(view, static_cast<size_t>(params.axis))),
        length_(view.out().dims[static_cast<size_t>(params.axis)]),
        x_stride_(view.in(0).strides()[static_cast<size_t>(params.axis)]),
        y_stride_(view.out().strides()[static_cast<size_t>(params.axis)]),
        log_(params.log != 0),
        short_rows_(static_cast<size_t>(params.axis) + 1 == view.out().rank() && length_ >= 1 &&
                    length_ <= kSoftmaxShort && view.in(0).dense() && view.out().dense()),
        x_(reinterpret_cast<const float*>(binding.inputs[0])),
        y_(reinterpret_cast<float*>(binding.outputs[0])),
        loops_(choose_kSoftmaxLoops(binding.cpu)) {}

  int max_parts() const override {
    return parts_for(saturating_mul(walk_.elements, length_), walk_.elements);
  }
  const char* row() const override { return loops_.name; }

  void run(int part, int parts) noexcept override {
    if (length_ == 0) return;
    run_sequences(split_range(walk_.elements, part, parts));
  }
  void run_rows(Range rows, int) noexcept override { run_sequences(rows); }
  int row_slots() const override { return 256; }  // no scratch

 private:
  void run_sequences(Range range) noexcept {
    if (short_rows_)
      return loops_.fn->short_rows(x_ + range.first * length_, y_ + range.first * length_,
                                   range.last - range.first, length_, log_);
    walk_.for_rows(range.first, range.last, [&](const auto& at, int64_t n, int64_t) {
      const float* x = x_ + at[0];
      float* y = y_ + at[1];
      if (x_stride_ == 1 && y_stride_ == 1) {
        for (int64_t i = 0; i < n; ++i)
          loops_.fn->row(x + i * walk_.row_stride[0], y + i * walk_.row_stride[1], length_, log_);
        return;
      }
      for (int64_t i = 0; i < n; i += kSoftmaxWidth)
        loops_.fn->columns(x + i, y + i, std::min(kSoftmaxWidth, n - i), length_, x_stride_, y_stride_, log_);
    });
  }

  RowWalk<2> walk_;
  int64_t length_, x_stride_, y_stride_;
  bool log_, short_rows_;
  const float* x_;
  float* y_;
  KernelRow<const SoftmaxLoops*> loops_;
};

}  // namespace
}  // namespace openhb::kernels

namespace openhb {

using namespace kernels;

void Kernel<SoftmaxParams>::validate(const StepView& view, const SoftmaxParams& params) {
  const bool codes = view.num_inputs() == 2;
  check_tensors(view, codes ? 2 : 1);
  check_dtype(view, view.in(0), codes ? DType::i8 : DType::f32);
  check_dtype(view, view.out(), view.in(0).dtype);
  check_same_dims(view, view.in(0), view.out());
  if (codes) {
    check_table(view, 1, DType::f32, {256});
    check_quant(view, view.out());
    view.require(params.log == 0, "no logarithm of int8");
  }
  view.require(params.axis >= 0 && static_cast<size_t>(params.axis) < view.out().rank(), "no such axis");
  view.require(params.log == 0 || params.log == 1, "log is neither 0 nor 1");
}

Cost Kernel<SoftmaxParams>::cost(const StepView& view, const SoftmaxParams&) { return traffic(view); }
RowUse Kernel<SoftmaxParams>::row_use(const StepView& view, const SoftmaxParams& params) {
  const bool within_rows =
      view.num_inputs() == 1 && static_cast<size_t>(params.axis) + 1 == view.out().rank();
  return within_rows ? elementwise_rows(view) : RowUse{};
}

std::unique_ptr<Runner> Kernel<SoftmaxParams>::bind(const StepView& view, const SoftmaxParams& params,
                                                    const Binding& binding) {
  if (view.num_inputs() == 2) return bind_softmax_of_codes(view, params, binding);
  return std::make_unique<SoftmaxRunner>(view, params, binding);
}

}  // namespace openhb
