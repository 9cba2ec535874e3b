// SPDX-License-Identifier: Apache-2.0
// Inner loops of MatMul.
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

// Columns of b [k, n], stored as such or transposed (the index of the functions below), to be packed for the
// kernels of Conv; `pitch` elements between stored rows.
template <class T>
struct MatMulPanel {
  const T* b;
  int64_t k, n, pitch;
  int64_t block_stride;  // elements between packed blocks of 16 columns
};

inline constexpr int64_t kMatMulPanel = 64;  // columns at most

// What the packed product needs beside a Conv kernel. Packing reads up to 15 columns beyond n; what it makes
// of them does not matter.
struct MatMulPackLoops {
  // Blocks of lines of 16 columns x 4 rows, rows behind k being 0; sums[c] = sum over k of b[k][c].
  void (*pack_i8[2])(const MatMulPanel<int8_t>& panel, int8_t* lines, int32_t* sums);
  // Blocks of lines of 16 columns.
  void (*pack_f32[2])(const MatMulPanel<float>& panel, float* lines);
  // sums[r] = sum over k of a[r][k]
  void (*sum_rows)(const int8_t* a, int64_t rows, int64_t k, int64_t pitch, int32_t* sums);
  // y[c] = sat(rne(f32(f32(sums[c] + term) * multiplier)) + zero)
  void (*requantize)(const int32_t* sums, int32_t term, int8_t* y, int64_t n, float multiplier, int32_t zero);
};

struct MatMulIntegerLoops {
  void (*block_32)(const MatMulBlockOf<uint32_t>& block);  // wraps, signed or not
  void (*block_64)(const MatMulBlockOf<uint64_t>& block);
};

}  // namespace openhb::kernels
