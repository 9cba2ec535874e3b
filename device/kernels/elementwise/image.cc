// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/elementwise/image.h"

#include "device/kernels/elementwise/quantize_rows.h"
#include "device/kernels/elementwise/walk_runner.h"

namespace openhb::kernels {
namespace {

class ImageRunner final : public WalkRunner {
 public:
  ImageRunner(const StepView& view, const Binding& binding)
      : WalkRunner(view.out()),
        walk_(broadcast_walk(view.out().dims, false, view.in(0), view.out())),
        x_(reinterpret_cast<const uint8_t*>(binding.inputs[0])),
        y_(binding.outputs[0]),
        real_(view.out().dtype == DType::f32),
        loops_(choose_kQuantizeLoops(binding.cpu)) {}

  const char* row() const override { return loops_.name; }

  void run_elements(Range range) noexcept override {
    walk_.for_rows(range.first, range.last, [&](const auto& at, int64_t n, int64_t) {
      if (real_)
        loops_.fn->image_f32(x_ + at[0], reinterpret_cast<float*>(y_) + at[1], n);
      else
        loops_.fn->image_i8(x_ + at[0], reinterpret_cast<int8_t*>(y_) + at[1], n);
    });
  }

 private:
  RowWalk<2> walk_;
  const uint8_t* x_;
  std::byte* y_;
  bool real_;
  KernelRow<const QuantizeLoops*> loops_;
};

}  // namespace
}  // namespace openhb::kernels

namespace openhb {

using namespace kernels;

void Kernel<ImageParams>::validate(const StepView& view, const ImageParams&) {
  check_tensors(view, 1);
  check_dtype(view, view.in(0), DType::u8);
  view.require(view.out().dtype == DType::i8 || view.out().dtype == DType::f32, "wrong element type");
  check_same_dims(view, view.in(0), view.out());
}

Cost Kernel<ImageParams>::cost(const StepView& view, const ImageParams&) { return traffic(view); }

std::unique_ptr<Runner> Kernel<ImageParams>::bind(const StepView& view, const ImageParams&,
                                                  const Binding& binding) {
  return std::make_unique<ImageRunner>(view, binding);
}

}  // namespace openhb
