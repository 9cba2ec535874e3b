// SPDX-License-Identifier: Apache-2.0
// Inner loops of Reduce: folding into 16 lanes (lanes.h).
#pragma once

#include <cstdint>

#include "device/kernels/reduction/lanes.h"

namespace openhb::kernels {

enum class Fold { add, add_abs, add_square, mul, max, min };
inline constexpr int kFolds = 6;
// Sequences reduced side by side at most; their lanes are float [16][kReduceWidth].
inline constexpr int64_t kReduceWidth = 64;

struct ReduceLoops {
  // One dense sequence, lanes float [16]; `phase` is the lane of x[0].
  void (*run[kFolds])(float* lanes, const float* x, int64_t n, int64_t phase);
  // `width` <= kReduceWidth neighbouring sequences of n elements, `stride` apart.
  void (*columns[kFolds])(float* lanes, const float* x, int64_t width, int64_t n, int64_t stride,
                          int64_t phase);
  // The tree over lanes `pitch` floats apart; results in lanes[0 .. width).
  // count: lanes that were reached, a power of two.
  void (*fold[kFolds])(float* lanes, int64_t pitch, int64_t width, int64_t count);
};

}  // namespace openhb::kernels
