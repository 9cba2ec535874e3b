// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/reduction/softmax_codes.h"

#include "device/kernels/elementwise/checks.h"
#include "device/kernels/elementwise/loop.h"
#include "device/kernels/reduction/sequences.h"

namespace openhb::kernels {
namespace {

constexpr int64_t kWidth = 64;  // sequences done side by side

class CodesRunner final : public Runner {
 public:
  CodesRunner(const StepView& view, const SoftmaxParams& params, const Binding& binding)
      : walk_(sequence_walk(view, static_cast<size_t>(params.axis))),
        length_(view.out().dims[static_cast<size_t>(params.axis)]),
        x_stride_(view.in(0).strides()[static_cast<size_t>(params.axis)]),
        y_stride_(view.out().strides()[static_cast<size_t>(params.axis)]),
        x_(reinterpret_cast<const int8_t*>(binding.inputs[0])),
        table_(reinterpret_cast<const float*>(binding.inputs[1])),
        y_(reinterpret_cast<int8_t*>(binding.outputs[0])),
        steps_(__builtin_floorf(1.0f / view.out().quant.scale())),
        zero_point_(view.out().quant.zero_point()) {}

  int max_parts() const override {
    return parts_for(saturating_mul(walk_.elements, length_), walk_.elements);
  }

  void run(int part, int parts) noexcept override {
    if (length_ == 0) return;
    const Range range = split_range(walk_.elements, part, parts);
    walk_.for_rows(range.first, range.last, [&](const auto& at, int64_t n, int64_t) {
      for (int64_t i = 0; i < n; i += kWidth)
        columns(x_ + at[0] + i, y_ + at[1] + i, std::min(kWidth, n - i));
    });
  }

 private:
  // docs/numerics.md "Softmax int8"; the sum runs along the sequence, so sequences are done side by side.
  void columns(const int8_t* x, int8_t* y, int64_t width) const {
    int32_t top[kWidth];
    float sum[kWidth];
    for (int64_t c = 0; c < width; ++c) top[c] = -128, sum[c] = 0;
    for (int64_t i = 0; i < length_; ++i)
      for (int64_t c = 0; c < width; ++c) top[c] = std::max<int32_t>(top[c], x[i * x_stride_ + c]);
    for (int64_t i = 0; i < length_; ++i)
      for (int64_t c = 0; c < width; ++c) sum[c] += power(x[i * x_stride_ + c], top[c]);
    for (int64_t i = 0; i < length_; ++i)
      for (int64_t c = 0; c < width; ++c)
        y[i * y_stride_ + c] =
            quantize_code(power(x[i * x_stride_ + c], top[c]) * steps_ / sum[c], zero_point_);
  }
  // A damaged program may let the output overlap the input, so that q grows while it is read.
  float power(int32_t q, int32_t top) const { return table_[std::min(q - top, 0) + 255]; }

  RowWalk<2> walk_;
  int64_t length_, x_stride_, y_stride_;
  const int8_t* x_;
  const float* table_;
  int8_t* y_;
  float steps_;
  int32_t zero_point_;
};

}  // namespace

std::unique_ptr<Runner> bind_softmax_of_codes(const StepView& view, const SoftmaxParams& params,
                                              const Binding& binding) {
  return std::make_unique<CodesRunner>(view, params, binding);
}

}  // namespace openhb::kernels
