// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/elementwise/nv12.h"

#include "device/kernels/elementwise/checks.h"
#include "device/kernels/elementwise/isa_rows.h"
#include "device/kernels/elementwise/nv12_loops.h"

namespace openhb::kernels {
OPENHB_LOOP_ROWS(Nv12Loops, kNv12Loops)

namespace {

class Nv12Runner final : public Runner {
 public:
  Nv12Runner(const StepView& view, const Binding& binding)
      : height_(view.out().dims[1]),
        width_(view.out().dims[2]),
        pixels_(num_rows(view.out())),
        x_pitch_(view.in(0).pitch),
        y_pitch_(view.out().pitch),
        x_(reinterpret_cast<const uint8_t*>(binding.inputs[0])),
        y_(binding.outputs[0]),
        real_(view.out().dtype == DType::f32),
        loops_(choose_kNv12Loops(binding.cpu)) {}

  int max_parts() const override { return parts_for(saturating_mul(pixels_, 3), pixels_); }
  void run(int part, int parts) noexcept override { run_rows(split_range(pixels_, part, parts), 0); }
  int row_slots() const override { return 256; }  // no scratch
  const char* row() const override { return loops_.name; }

  void run_rows(Range pixels, int) noexcept override {
    for (int64_t p = pixels.first; p < pixels.last;) {
      const int64_t row = p / width_, column = p % width_;
      const int64_t last = std::min(width_, column + pixels.last - p);
      const int64_t image = row / height_, line = row % height_;
      const uint8_t* luma = x_ + (image * (height_ + height_ / 2) + line) * x_pitch_;
      const uint8_t* chroma = x_ + (image * (height_ + height_ / 2) + height_ + line / 2) * x_pitch_;
      const int64_t to = row * width_ * y_pitch_;
      if (real_)
        loops_.fn->to_f32(luma, chroma, reinterpret_cast<float*>(y_) + to, column, last, y_pitch_);
      else
        loops_.fn->to_i8(luma, chroma, reinterpret_cast<int8_t*>(y_) + to, column, last, y_pitch_);
      p += last - column;
    }
  }

 private:
  int64_t height_, width_, pixels_, x_pitch_, y_pitch_;
  const uint8_t* x_;
  std::byte* y_;
  bool real_;
  KernelRow<const Nv12Loops*> loops_;
};

}  // namespace
}  // namespace openhb::kernels

namespace openhb {

using namespace kernels;

void Kernel<Nv12Params>::validate(const StepView& view, const Nv12Params&) {
  check_tensors(view, 1);
  check_dtype(view, view.in(0), DType::u8);
  view.require(view.out().dtype == DType::i8 || view.out().dtype == DType::f32, "wrong element type");
  const Shape &x = view.in(0).dims, &y = view.out().dims;
  view.require(x.size() == 4 && y.size() == 4, "wrong ranks");
  view.require(y[1] % 2 == 0 && y[2] % 2 == 0, "height or width is odd");
  view.require(x == Shape{y[0], 1, y[1] + y[1] / 2, y[2]} && y[3] == 3, "wrong extents");
}

Cost Kernel<Nv12Params>::cost(const StepView& view, const Nv12Params&) { return traffic(view); }

std::unique_ptr<Runner> Kernel<Nv12Params>::bind(const StepView& view, const Nv12Params&,
                                                 const Binding& binding) {
  return std::make_unique<Nv12Runner>(view, binding);
}

}  // namespace openhb
