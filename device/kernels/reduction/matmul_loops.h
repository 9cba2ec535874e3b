// SPDX-License-Identifier: Apache-2.0
// Inner loop of MatMul.
#pragma once

#include <cstdint>

namespace openhb::kernels {

// The runner's work items are blocks of at most this size.
inline constexpr int64_t kMatMulRows = 32, kMatMulColumns = 64;

// A block of the product: y [m, n] = a [m, k] b [k, n]; pitches in elements.
template <class T>
struct MatMulBlockOf {
  const T *a, *b;
  T* y;
  int64_t m, n, k, a_pitch, b_pitch, y_pitch;
};
using MatMulBlock = MatMulBlockOf<float>;

struct MatMulLoops {
  void (*block)(const MatMulBlock& block);
};

// Zero points of the int8 operands and the result, and the multiplier of the accumulators.
struct MatMulRequantize {
  int32_t za, zb, zy;
  float multiplier;
};

struct MatMulIntegerLoops {
  void (*block_i8)(const MatMulBlockOf<int8_t>& block, const MatMulRequantize& requantize);
  void (*block_32)(const MatMulBlockOf<uint32_t>& block);  // wraps, signed or not
  void (*block_64)(const MatMulBlockOf<uint64_t>& block);
};

}  // namespace openhb::kernels
