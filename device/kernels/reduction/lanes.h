// SPDX-License-Identifier: Apache-2.0
// For *.loops.cc: folding a sequence into 16 lanes, element i into lane i mod 16, and the lanes by a fixed
// tree (l += l+8, l+4, l+2, l+1). The result depends on neither vector width nor blocking (docs/numerics.md).
#pragma once

#include <cstdint>

namespace openhb::kernels {

inline constexpr int64_t kReduceLanes = 16;

namespace {  // ISA files must not share code

// Op::map prepares an element, Op::join folds a value into a lane or two lanes into one.
struct AddOp {
  static float map(float x) { return x; }
  static float join(float a, float b) { return a + b; }
};
struct AddAbsOp : AddOp {
  static float map(float x) { return __builtin_fabsf(x); }
};
struct AddSquareOp : AddOp {
  static float map(float x) { return x * x; }
};
struct MulOp : AddOp {
  static float join(float a, float b) { return a * b; }
};
struct MaxOp : AddOp {
  static float join(float a, float b) { return ((a > b) | (a != a)) ? a : b; }
};
struct MinOp : AddOp {
  static float join(float a, float b) { return ((a < b) | (a != a)) ? a : b; }
};

}  // namespace

// lanes[(phase + i) % 16] takes x[i].
template <class Op>
static inline void fold_run(float* lanes, const float* x, int64_t n, int64_t phase) {
  int64_t i = 0;
  for (; i < n && phase != 0; ++i, phase = (phase + 1) % kReduceLanes)
    lanes[phase] = Op::join(lanes[phase], Op::map(x[i]));
  float sums[kReduceLanes];
  for (int64_t l = 0; l < kReduceLanes; ++l) sums[l] = lanes[l];
  for (; i + kReduceLanes <= n; i += kReduceLanes)
    for (int64_t l = 0; l < kReduceLanes; ++l) sums[l] = Op::join(sums[l], Op::map(x[i + l]));
  for (int64_t l = 0; l < kReduceLanes; ++l) lanes[l] = sums[l];
  for (int64_t l = 0; i < n; ++i, ++l) lanes[l] = Op::join(lanes[l], Op::map(x[i]));
}

// The tree, for `width` sequences side by side whose lanes lie `pitch` floats apart; results in the first
// lane. `count`: a power of two, if later lanes would change nothing.
template <class Op>
static inline void fold_lanes(float* lanes, int64_t pitch, int64_t width, int64_t count = kReduceLanes) {
  for (int64_t step = count / 2; step > 0; step /= 2)
    for (int64_t l = 0; l < step; ++l)
      for (int64_t c = 0; c < width; ++c)
        lanes[l * pitch + c] = Op::join(lanes[l * pitch + c], lanes[(l + step) * pitch + c]);
}

}  // namespace openhb::kernels
