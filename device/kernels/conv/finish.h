// SPDX-License-Identifier: Apache-2.0
// The output stage for results that the kernel rows do not store themselves (anything with int16): a row
// leaves its accumulators, these are turned into the outputs here.
#pragma once

#include "device/kernels/conv/requantize.h"
#include "device/kernels/kernel.h"

namespace openhb::conv {

// B: type of the accumulators.
template <class B>
class Finish {
 public:
  Finish(const StepView&, const OutputStage&, const Binding&) {}
  static constexpr bool needed() { return false; }
  void run(const B*, int64_t, int64_t, std::byte*) const {}
};

// int8 activations with int16 outputs.
template <>
class Finish<int32_t> {
 public:
  Finish(const StepView& view, const OutputStage& stage, const Binding& binding)
      : needed_(view.out().dtype == DType::i16), stage_(stage) {
    if (needed_) multiplier_ = reinterpret_cast<const float*>(binding.inputs[4]);
  }
  bool needed() const { return needed_; }
  // `count` outputs from entry `first` of the vectors on.
  void run(const int32_t* sums, int64_t first, int64_t count, std::byte* y) const {
    auto* codes = reinterpret_cast<int16_t*>(y);
    for (int64_t i = 0; i < count; ++i)
      codes[i] = requantize<int16_t>(sums[i], multiplier_[first + i], stage_);
  }

 private:
  bool needed_;
  OutputStage stage_;
  const float* multiplier_ = nullptr;
};

// int16 activations.
template <>
class Finish<int64_t> {
 public:
  Finish(const StepView& view, const OutputStage& stage, const Binding& binding)
      : stage_(stage),
        out_(view.out().dtype),
        multiplier_(reinterpret_cast<const double*>(binding.inputs[3])) {}
  static constexpr bool needed() { return true; }
  void run(const int64_t* sums, int64_t first, int64_t count, std::byte* y) const {
    const double* m = multiplier_ + first;
    if (out_ == DType::i16) return codes(sums, m, count, reinterpret_cast<int16_t*>(y));
    if (out_ == DType::i8) return codes(sums, m, count, reinterpret_cast<int8_t*>(y));
    auto* real = reinterpret_cast<float*>(y);
    for (int64_t i = 0; i < count; ++i)
      real[i] = clamp(static_cast<float>(static_cast<double>(sums[i]) * m[i]), stage_);
  }

 private:
  template <class Y>
  void codes(const int64_t* sums, const double* m, int64_t count, Y* y) const {
    for (int64_t i = 0; i < count; ++i) y[i] = requantize<Y>(sums[i], m[i], stage_);
  }

  OutputStage stage_;
  DType out_;
  const double* multiplier_;
};

}  // namespace openhb::conv
