// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/elementwise/loop.h"
#include "device/kernels/reduction/matmul_loops.h"

#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace openhb::kernels {
namespace {

constexpr int64_t kBlock = 16;  // columns

inline void copy_bytes(void* to, const void* from, uint64_t n) { __builtin_memcpy(to, from, n); }

// 16 columns of four rows side by side.
#if defined(__SSE2__)
inline void interleave(const int8_t* const (&rows)[4], int8_t* line) {
  __m128i r[4];
  for (int i = 0; i < 4; ++i) r[i] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[i]));
  const __m128i low01 = _mm_unpacklo_epi8(r[0], r[1]), high01 = _mm_unpackhi_epi8(r[0], r[1]);
  const __m128i low23 = _mm_unpacklo_epi8(r[2], r[3]), high23 = _mm_unpackhi_epi8(r[2], r[3]);
  auto* to = reinterpret_cast<__m128i*>(line);
  _mm_storeu_si128(to, _mm_unpacklo_epi16(low01, low23));
  _mm_storeu_si128(to + 1, _mm_unpackhi_epi16(low01, low23));
  _mm_storeu_si128(to + 2, _mm_unpacklo_epi16(high01, high23));
  _mm_storeu_si128(to + 3, _mm_unpackhi_epi16(high01, high23));
}
#elif defined(__aarch64__)
inline void interleave(const int8_t* const (&rows)[4], int8_t* line) {
  const int8x16x4_t four = {{vld1q_s8(rows[0]), vld1q_s8(rows[1]), vld1q_s8(rows[2]), vld1q_s8(rows[3])}};
  vst4q_s8(line, four);
}
#else
inline void interleave(const int8_t* const (&rows)[4], int8_t* line) {
  for (int64_t c = 0; c < kBlock; ++c)
    for (int64_t i = 0; i < 4; ++i) line[4 * c + i] = rows[i][c];
}
#endif

inline void add_columns(const int8_t* const (&rows)[4], int32_t* sums) {
  using Shorts = Vector<int16_t, kBlock>;
  using Ints = Vector<int32_t, kBlock>;
  Shorts all{};
  for (const int8_t* row : rows) {
    Vector<int8_t, kBlock> codes;
    copy_bytes(&codes, row, sizeof codes);
    all += __builtin_convertvector(codes, Shorts);
  }
  Ints sum;
  copy_bytes(&sum, sums, sizeof sum);
  sum += __builtin_convertvector(all, Ints);
  copy_bytes(sums, &sum, sizeof sum);
}

// All blocks of four rows at a time: rows lie far apart, often each on a page of its own.
constexpr int64_t kAhead = 24;  // rows
void pack_i8(const MatMulPanel<int8_t>& p, int8_t* lines, int32_t* sums) {
  static constexpr int8_t kZeros[kMatMulPanel] = {};
  for (int64_t c = 0; c < kMatMulPanel; ++c) sums[c] = 0;
  for (int64_t k = 0; k < p.k; k += 4, lines += 4 * kBlock) {
    const int8_t* rows[4];
    for (int64_t i = 0; i < 4; ++i) {
      rows[i] = k + i < p.k ? p.b + (k + i) * p.pitch : kZeros;
      if (k + i + kAhead < p.k) __builtin_prefetch(rows[i] + kAhead * p.pitch);
    }
    for (int64_t first = 0; first < p.n; first += kBlock) {
      interleave(rows, lines + first / kBlock * p.block_stride);
      add_columns(rows, sums + first);
      for (auto& row : rows) row += kBlock;
    }
  }
}

void sum_rows(const int8_t* a, int64_t rows, int64_t k, int64_t pitch, int32_t* sums) {
  for (int64_t r = 0; r < rows; ++r, a += pitch) {
    int32_t sum = 0;
    for (int64_t i = 0; i < k; ++i) sum += a[i];
    sums[r] = sum;
  }
}

// Lines of 16 dwords, one of each row; `count` per row, whose last one may have fewer bytes than 4. Rows
// behind the last one repeat it.
void transpose_dwords(const int8_t* rows, int64_t pitch, int64_t n, int64_t bytes, int8_t* lines) {
  using Dwords = Vector<int32_t, 4>;
  for (int64_t c = 0; c < kBlock; c += 4) {
    const int8_t* row[4];
    for (int64_t i = 0; i < 4; ++i) row[i] = rows + (c + i < n ? c + i : n - 1) * pitch;
    int8_t* to = lines + 4 * c;
    int64_t k = 0;
    for (; k + 16 <= bytes; k += 16) {
      Dwords r[4];
      for (int i = 0; i < 4; ++i) copy_bytes(&r[i], row[i] + k, sizeof r[i]);
      const Dwords low01 = __builtin_shufflevector(r[0], r[1], 0, 4, 1, 5),
                   low23 = __builtin_shufflevector(r[2], r[3], 0, 4, 1, 5),
                   high01 = __builtin_shufflevector(r[0], r[1], 2, 6, 3, 7),
                   high23 = __builtin_shufflevector(r[2], r[3], 2, 6, 3, 7);
      const Dwords out[4] = {__builtin_shufflevector(low01, low23, 0, 1, 4, 5),
                             __builtin_shufflevector(low01, low23, 2, 3, 6, 7),
                             __builtin_shufflevector(high01, high23, 0, 1, 4, 5),
                             __builtin_shufflevector(high01, high23, 2, 3, 6, 7)};
      for (int i = 0; i < 4; ++i) copy_bytes(to + k * kBlock + i * 64, &out[i], sizeof out[i]);
    }
    for (; k < bytes; k += 4)
      for (int64_t i = 0; i < 4; ++i) {
        int32_t last = 0;
        copy_bytes(&last, row[i] + k, static_cast<uint64_t>(bytes - k < 4 ? bytes - k : 4));
        copy_bytes(to + k * kBlock + 4 * i, &last, 4);
      }
  }
}

void pack_transposed_i8(const MatMulPanel<int8_t>& p, int8_t* lines, int32_t* sums) {
  sum_rows(p.b, p.n, p.k, p.pitch, sums);
  for (int64_t first = 0; first < p.n; first += kBlock, lines += p.block_stride)
    transpose_dwords(p.b + first * p.pitch, p.pitch, p.n - first, p.k, lines);
}

void pack_f32(const MatMulPanel<float>& p, float* lines) {
  for (int64_t k = 0; k < p.k; ++k)
    for (int64_t first = 0; first < p.n; first += kBlock)
      copy_bytes(lines + first / kBlock * p.block_stride + k * kBlock, p.b + k * p.pitch + first,
                 kBlock * sizeof(float));
}

void pack_transposed_f32(const MatMulPanel<float>& p, float* lines) {
  for (int64_t first = 0; first < p.n; first += kBlock, lines += p.block_stride)
    transpose_dwords(reinterpret_cast<const int8_t*>(p.b + first * p.pitch), p.pitch * 4, p.n - first,
                     p.k * 4, reinterpret_cast<int8_t*>(lines));
}

void requantize(const int32_t* sums, int32_t term, int8_t* y, int64_t n, float multiplier, int32_t zero) {
  OPENHB_INDEPENDENT
  for (int64_t c = 0; c < n; ++c) y[c] = quantize_code(static_cast<float>(sums[c] + term) * multiplier, zero);
}

}  // namespace

namespace OPENHB_ISA {
extern const MatMulPackLoops kMatMulPackLoops;
const MatMulPackLoops kMatMulPackLoops = {
    {pack_i8, pack_transposed_i8}, {pack_f32, pack_transposed_f32}, sum_rows, requantize};
}  // namespace OPENHB_ISA

}  // namespace openhb::kernels
