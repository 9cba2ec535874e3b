// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/reduction/quantized_softmax.h"

#include <array>
#include <cmath>

#include "device/kernels/elementwise/isa_rows.h"
#include "device/kernels/elementwise/walk_runner.h"
#include "device/kernels/reduction/quantized_softmax_loops.h"

namespace openhb::kernels {

OPENHB_DECLARE_LOOPS(ref, QuantizedSoftmaxLoops, kQuantizedSoftmaxLoops)
#if defined(__x86_64__)
OPENHB_DECLARE_LOOPS(avx2, QuantizedSoftmaxLoops, kQuantizedSoftmaxLoops)
OPENHB_DECLARE_LOOPS(avx512, QuantizedSoftmaxLoops, kQuantizedSoftmaxLoops)
OPENHB_DECLARE_LOOPS(avx512vbmi, QuantizedSoftmaxLoops, kQuantizedSoftmaxLoops)
#elif defined(__aarch64__)
OPENHB_DECLARE_LOOPS(neon, QuantizedSoftmaxLoops, kQuantizedSoftmaxLoops)
#endif

namespace {

constexpr int64_t kLeastLength = 512;  // shorter sequences are not worth the tables

constexpr KernelRow<const QuantizedSoftmaxLoops*> kRows[] = {
    {"ref", 0, &ref::kQuantizedSoftmaxLoops},
#if defined(__x86_64__)
    {"avx2", kCpuAvx2, &avx2::kQuantizedSoftmaxLoops},
    {"avx512", kCpuAvx2 | kCpuAvx512, &avx512::kQuantizedSoftmaxLoops},
    {"avx512vbmi", kCpuAvx2 | kCpuAvx512 | kCpuAvx512Vbmi, &avx512vbmi::kQuantizedSoftmaxLoops},
#elif defined(__aarch64__)
    {"neon", kCpuNeon, &neon::kQuantizedSoftmaxLoops},
#endif
};

float dequantized(const TensorDesc& x, int32_t code) {
  return static_cast<float>(code - x.quant.zero_point()) * x.quant.scale();
}

class QuantizedSoftmaxRunner final : public Runner {
 public:
  QuantizedSoftmaxRunner(const TensorDesc& x, const TensorDesc& y, const std::byte* x_codes,
                         std::byte* y_codes, CpuFeatures cpu)
      : rows_(num_rows(x)),
        length_(x.dims.back()),
        x_pitch_(x.dims.size() < 2 ? length_ : x.pitch),
        y_pitch_(y.dims.size() < 2 ? length_ : y.pitch),
        x_(reinterpret_cast<const int8_t*>(x_codes)),
        y_(reinterpret_cast<int8_t*>(y_codes)),
        scale_(y.quant.scale()),
        zero_point_(y.quant.zero_point()),
        loops_(choose_row(kRows, cpu)) {
    for (int32_t code = -128; code < 128; ++code)
      values_[static_cast<size_t>(code + 128)] = dequantized(x, code);
  }

  int max_parts() const override { return static_cast<int>(std::min<int64_t>(rows_, 256)); }
  const char* row() const override { return loops_.name; }
  void run(int part, int parts) noexcept override {
    const Range range = split_range(rows_, part, parts);
    for (int64_t r = range.first; r < range.last; ++r)
      loops_.fn->row(x_ + r * x_pitch_, y_ + r * y_pitch_, length_, values_.data(), scale_, zero_point_);
  }

 private:
  int64_t rows_, length_, x_pitch_, y_pitch_;
  const int8_t* x_;
  int8_t* y_;
  float scale_;
  int32_t zero_point_;
  KernelRow<const QuantizedSoftmaxLoops*> loops_;
  std::array<float, 256> values_;
};

}  // namespace

bool quantized_softmax_fits(const TensorDesc& x, const TensorDesc& y) {
  return x.dtype == DType::i8 && y.dtype == DType::i8 && x.dims == y.dims && !x.dims.empty() &&
         x.dims.back() >= kLeastLength && x.quant.scales.size() == 1 && y.quant.scales.size() == 1 &&
         x.quant.scale() > 0 && std::isfinite(dequantized(x, -128)) && std::isfinite(dequantized(x, 127));
}

std::unique_ptr<Runner> bind_quantized_softmax(const TensorDesc& x, const TensorDesc& y,
                                               const std::byte* x_codes, std::byte* y_codes,
                                               CpuFeatures cpu) {
  return std::make_unique<QuantizedSoftmaxRunner>(x, y, x_codes, y_codes, cpu);
}

}  // namespace openhb::kernels
