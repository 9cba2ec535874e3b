// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/elementwise/loop.h"
#include "device/kernels/reduction/matmul_loops.h"

namespace openhb::kernels {
namespace {

// Integer sums do not depend on their order. int8: a part of b is unpacked to pairs of rows of int16 without
// its zero point, which is what multiply-and-add-pairs instructions take.
constexpr int64_t kDepth = 256;

void unpack(const MatMulBlockOf<int8_t>& p, int64_t first, int64_t depth, int32_t zb, int16_t* pairs) {
  for (int64_t k = 0; k < depth; k += 2)
    for (int64_t c = 0; c < kMatMulColumns; ++c)
      for (int64_t odd = 0; odd < 2; ++odd) {
        const bool inside = c < p.n && k + odd < depth;
        pairs[(k * kMatMulColumns) + 2 * c + odd] =
            inside ? static_cast<int16_t>(p.b[(first + k + odd) * p.b_pitch + c] - zb) : int16_t{0};
      }
}

void accumulate(const int8_t* a, int32_t za, const int16_t* pairs, int64_t depth, int32_t* acc) {
  int32_t sum[kMatMulColumns];
  for (int64_t c = 0; c < kMatMulColumns; ++c) sum[c] = acc[c];
  for (int64_t k = 0; k < depth; k += 2, pairs += 2 * kMatMulColumns) {
    const int32_t a0 = a[k] - za, a1 = k + 1 < depth ? a[k + 1] - za : 0;
    for (int64_t c = 0; c < kMatMulColumns; ++c) sum[c] += a0 * pairs[2 * c] + a1 * pairs[2 * c + 1];
  }
  for (int64_t c = 0; c < kMatMulColumns; ++c) acc[c] = sum[c];
}

void block_i8(const MatMulBlockOf<int8_t>& p, const MatMulRequantize& q) {
  int32_t acc[kMatMulRows * kMatMulColumns] = {};
  int16_t pairs[kDepth * kMatMulColumns];
  for (int64_t k = 0; k < p.k; k += kDepth) {
    const int64_t depth = k + kDepth < p.k ? kDepth : p.k - k;
    unpack(p, k, depth, q.zb, pairs);
    for (int64_t r = 0; r < p.m; ++r)
      accumulate(p.a + r * p.a_pitch + k, q.za, pairs, depth, acc + r * kMatMulColumns);
  }
  for (int64_t r = 0; r < p.m; ++r) {
    int8_t* y = p.y + r * p.y_pitch;
    const int32_t* sums = acc + r * kMatMulColumns;
    OPENHB_INDEPENDENT
    for (int64_t c = 0; c < p.n; ++c) y[c] = quantize_code(static_cast<float>(sums[c]) * q.multiplier, q.zy);
  }
}

template <class T>
void block_of(const MatMulBlockOf<T>& p) {
  constexpr int64_t kColumns = 16;
  for (int64_t r = 0; r < p.m; ++r)
    for (int64_t first = 0; first < p.n; first += kColumns) {
      const int64_t n = p.n - first < kColumns ? p.n - first : kColumns;
      T sum[kColumns] = {};
      for (int64_t k = 0; k < p.k; ++k) {
        const T left = p.a[r * p.a_pitch + k];
        const T* b = p.b + k * p.b_pitch + first;
        for (int64_t c = 0; c < n; ++c) sum[c] += left * b[c];
      }
      for (int64_t c = 0; c < n; ++c) p.y[r * p.y_pitch + first + c] = sum[c];
    }
}

}  // namespace

namespace OPENHB_ISA {
extern const MatMulIntegerLoops kMatMulIntegerLoops;
const MatMulIntegerLoops kMatMulIntegerLoops = {block_i8, block_of<uint32_t>, block_of<uint64_t>};
}  // namespace OPENHB_ISA

}  // namespace openhb::kernels
