// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/elementwise/loop.h"
#include "device/kernels/reduction/matmul_loops.h"

namespace openhb::kernels {
namespace {

constexpr int64_t kBlock = 16;  // columns

void copy_bytes(void* to, const void* from, uint64_t n) { __builtin_memcpy(to, from, n); }

// 16 columns of four rows side by side; adds them to the columns' sums.
inline void interleave(const int8_t* const (&rows)[4], int8_t* line, int32_t* sums) {
  const int8_t *r0 = rows[0], *r1 = rows[1], *r2 = rows[2], *r3 = rows[3];
  OPENHB_INDEPENDENT
  for (int64_t c = 0; c < kBlock; ++c) {
    line[4 * c] = r0[c];
    line[4 * c + 1] = r1[c];
    line[4 * c + 2] = r2[c];
    line[4 * c + 3] = r3[c];
  }
  OPENHB_INDEPENDENT
  for (int64_t c = 0; c < kBlock; ++c)
    sums[c] += static_cast<int16_t>(static_cast<int16_t>(r0[c] + r1[c]) + static_cast<int16_t>(r2[c] + r3[c]));
}

void pack_i8(const MatMulPanel<int8_t>& p, int8_t* lines, int32_t* sums) {
  static constexpr int8_t kZeros[kBlock] = {};
  for (int64_t first = 0; first < p.n; first += kBlock, lines += p.block_stride) {
    int32_t sum[kBlock] = {};
    int8_t* line = lines;
    for (int64_t k = 0; k < p.k; k += 4, line += 4 * kBlock) {
      const int8_t* rows[4];
      for (int64_t i = 0; i < 4; ++i) rows[i] = k + i < p.k ? p.b + (k + i) * p.pitch + first : kZeros;
      interleave(rows, line, sum);
    }
    copy_bytes(sums + first, sum, sizeof sum);
  }
}

void pack_f32(const MatMulPanel<float>& p, float* lines) {
  for (int64_t first = 0; first < p.n; first += kBlock, lines += p.block_stride)
    for (int64_t k = 0; k < p.k; ++k)
      copy_bytes(lines + k * kBlock, p.b + k * p.pitch + first, kBlock * sizeof(float));
}

void sum_rows(const int8_t* a, int64_t rows, int64_t k, int64_t pitch, int32_t* sums) {
  for (int64_t r = 0; r < rows; ++r, a += pitch) {
    int32_t sum = 0;
    for (int64_t i = 0; i < k; ++i) sum += a[i];
    sums[r] = sum;
  }
}

void requantize(const int32_t* sums, int32_t term, int8_t* y, int64_t n, float multiplier, int32_t zero) {
  OPENHB_INDEPENDENT
  for (int64_t c = 0; c < n; ++c) y[c] = quantize_code(static_cast<float>(sums[c] + term) * multiplier, zero);
}

}  // namespace

namespace OPENHB_ISA {
extern const MatMulPackLoops kMatMulPackLoops;
const MatMulPackLoops kMatMulPackLoops = {pack_i8, pack_f32, sum_rows, requantize};
}  // namespace OPENHB_ISA

}  // namespace openhb::kernels
