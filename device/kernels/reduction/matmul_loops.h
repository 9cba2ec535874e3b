// SPDX-License-Identifier: Apache-2.0
// Inner loop of MatMul.
#pragma once

#include <cstdint>

namespace openhb::kernels {

// A block of the product: y [m, n] = a [m, k] b [k, n]; pitches in floats.
struct MatMulBlock {
  const float *a, *b;
  float* y;
  int64_t m, n, k, a_pitch, b_pitch, y_pitch;
};

struct MatMulLoops {
  void (*block)(const MatMulBlock& block);
};

}  // namespace openhb::kernels
