// SPDX-License-Identifier: Apache-2.0
// The output stage for results that the kernel rows do not store themselves (anything with int16): a row
// leaves its accumulators, these are turned into the outputs here.
#pragma once

#include "device/kernels/conv/rows.h"
#include "device/kernels/kernel.h"

namespace openhb::conv {

// B: type of the accumulators.
template <class B>
class Finish {
 public:
  Finish(const StepView& view, const OutputStage& stage, const Binding& binding) {
    const DType y = view.out().dtype;
    needed_ = std::is_same_v<B, int64_t> || (std::is_same_v<B, int32_t> && y == DType::i16);
    if (!needed_) return;
    kernel_ = choose_row(finish_rows(), binding.cpu).fn;
    tile_.stage = stage;
    tile_.kind = std::is_same_v<B, int32_t> ? FinishKind::i32_i16
                 : y == DType::i16          ? FinishKind::i64_i16
                 : y == DType::i8           ? FinishKind::i64_i8
                                            : FinishKind::i64_f32;
    multiplier_ = binding.inputs[std::is_same_v<B, int32_t> ? 4 : 3];
    multiplier_size_ = std::is_same_v<B, int32_t> ? sizeof(float) : sizeof(double);
  }
  bool needed() const { return needed_; }
  // `count` outputs of each of `pixels` pixels, from entry `first` (a block's first) of the vectors on.
  // Pitches: of the sums in elements, whole blocks of 16 of which are readable, of y in bytes.
  void run(const B* sums, int64_t sums_pitch, int64_t pixels, int64_t first, int64_t count, std::byte* y,
           int64_t y_pitch) const {
    FinishTile tile = tile_;
    tile.sums = sums;
    tile.multiplier = multiplier_ + static_cast<size_t>(first) * multiplier_size_;
    tile.y = reinterpret_cast<char*>(y);
    tile.sums_pitch = sums_pitch;
    tile.y_pitch = y_pitch;
    tile.pixels = static_cast<int32_t>(pixels);
    tile.outputs = static_cast<int32_t>(count);
    kernel_(tile);
  }

 private:
  bool needed_ = false;
  FinishKernel kernel_ = nullptr;
  FinishTile tile_{};
  const std::byte* multiplier_ = nullptr;
  size_t multiplier_size_ = 0;
};

}  // namespace openhb::conv
