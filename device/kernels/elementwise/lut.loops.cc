// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/elementwise/lut_loops.h"

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace openhb::kernels {
namespace {

// x86: the table is 16 rows of 16 for the byte shuffle. With u = x + 128, (u ^ 16k) + 112, saturated, keeps
// bit 7 clear only where u is in row k; elsewhere the shuffle gives 0.
#if defined(__AVX512BW__)

int64_t look_up(const int8_t* x, int8_t* y, int64_t n, const int8_t* table) {
  __m512i rows[16], flips[16];
  for (int k = 0; k < 16; ++k) {
    rows[k] = _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table + 16 * k)));
    flips[k] = _mm512_set1_epi8(static_cast<char>(0x80 ^ (k << 4)));
  }
  const __m512i offset = _mm512_set1_epi8(0x70);
  int64_t i = 0;
  for (; i + 64 <= n; i += 64) {
    const __m512i codes = _mm512_loadu_si512(x + i);
    __m512i found = _mm512_setzero_si512();
    for (int k = 0; k < 16; ++k) {
      const __m512i index = _mm512_adds_epu8(_mm512_xor_si512(codes, flips[k]), offset);
      found = _mm512_or_si512(found, _mm512_shuffle_epi8(rows[k], index));
    }
    _mm512_storeu_si512(y + i, found);
  }
  return i;
}

#elif defined(__AVX2__)

int64_t look_up(const int8_t* x, int8_t* y, int64_t n, const int8_t* table) {
  __m256i rows[16], flips[16];
  for (int k = 0; k < 16; ++k) {
    rows[k] = _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table + 16 * k)));
    flips[k] = _mm256_set1_epi8(static_cast<char>(0x80 ^ (k << 4)));
  }
  const __m256i offset = _mm256_set1_epi8(0x70);
  int64_t i = 0;
  for (; i + 32 <= n; i += 32) {
    const __m256i codes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x + i));
    __m256i found = _mm256_setzero_si256();
    for (int k = 0; k < 16; ++k) {
      const __m256i index = _mm256_adds_epu8(_mm256_xor_si256(codes, flips[k]), offset);
      found = _mm256_or_si256(found, _mm256_shuffle_epi8(rows[k], index));
    }
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(y + i), found);
  }
  return i;
}

#elif defined(__aarch64__)

// Four tables of 64: with u = x + 128, u ^ 64k is an index into table k where u is in it; any other index
// leaves what was found before.
struct Tables {
  int8x16x4_t part[4];
  int8x16_t at(int8x16_t codes) const {
    const uint8x16_t x = vreinterpretq_u8_s8(codes);
    const int8x16_t low = vqtbx4q_s8(vqtbl4q_s8(part[0], veorq_u8(x, vdupq_n_u8(0x80))), part[1],
                                     veorq_u8(x, vdupq_n_u8(0xc0)));
    return vqtbx4q_s8(vqtbx4q_s8(low, part[2], x), part[3], veorq_u8(x, vdupq_n_u8(0x40)));
  }
};

// By halves: on in-order cores these loads pair with arithmetic.
inline int8x16_t load_pair(const int8_t* low, const int8_t* high) {
  const int64x1_t first = vld1_s64(reinterpret_cast<const int64_t*>(low));
  return vreinterpretq_s8_s64(
      vld1q_lane_s64(reinterpret_cast<const int64_t*>(high), vcombine_s64(first, vdup_n_s64(0)), 1));
}

// The last 16 codes may have been done before: in place they must be read before that.
int64_t look_up(const int8_t* x, int8_t* y, int64_t n, const int8_t* table) {
  Tables tables;
  for (int k = 0; k < 4; ++k) tables.part[k] = vld1q_s8_x4(table + 64 * k);
  if (n < 16) {
    const int8x16_t ends = tables.at(load_pair(x, x + n - 8));
    vst1_s8(y, vget_low_s8(ends));
    vst1_s8(y + n - 8, vget_high_s8(ends));
    return n;
  }
  const int8x16_t last = load_pair(x + n - 16, x + n - 8);
  int64_t i = 0;
  for (; i + 64 <= n; i += 64) {
    int8x16_t codes[4];
    for (int k = 0; k < 4; ++k) codes[k] = load_pair(x + i + 16 * k, x + i + 16 * k + 8);
    for (auto& c : codes) c = tables.at(c);
    for (int k = 0; k < 4; ++k) vst1q_s8(y + i + 16 * k, codes[k]);
  }
  for (; i + 16 <= n; i += 16) {
    const int8x16_t found = tables.at(load_pair(x + i, x + i + 8));
    vst1q_s8(y + i, found);
  }
  if (i < n) {
    const int8x16_t found = tables.at(last);
    vst1q_s8(y + n - 16, found);
  }
  return n;
}
#else

int64_t look_up(const int8_t*, int8_t*, int64_t, const int8_t*) { return 0; }

#endif

// Fewer codes are looked up one by one.
#if defined(__aarch64__)
constexpr int64_t kLeast = 8;
#else
constexpr int64_t kLeast = 64;
#endif

void lut_row(const int8_t* x, int8_t* y, int64_t n, const int8_t* table) {
  for (int64_t i = n < kLeast ? 0 : look_up(x, y, n, table); i < n; ++i) y[i] = table[x[i] + 128];
}

}  // namespace

namespace OPENHB_ISA {
extern const LutLoops kLutLoops;
const LutLoops kLutLoops = {lut_row};
}  // namespace OPENHB_ISA

}  // namespace openhb::kernels
