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

// Four tables of 64; an index outside a table leaves what was found before.
int64_t look_up(const int8_t* x, int8_t* y, int64_t n, const int8_t* table) {
  int8x16x4_t part[4];
  for (int k = 0; k < 4; ++k) part[k] = vld1q_s8_x4(table + 64 * k);
  const uint8x16_t step = vdupq_n_u8(64);
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    uint8x16_t index = veorq_u8(vreinterpretq_u8_s8(vld1q_s8(x + i)), vdupq_n_u8(0x80));
    int8x16_t found = vqtbl4q_s8(part[0], index);
    for (int k = 1; k < 4; ++k) {
      index = vsubq_u8(index, step);
      found = vqtbx4q_s8(found, part[k], index);
    }
    vst1q_s8(y + i, found);
  }
  return i;
}

#else

int64_t look_up(const int8_t*, int8_t*, int64_t, const int8_t*) { return 0; }

#endif

void lut_row(const int8_t* x, int8_t* y, int64_t n, const int8_t* table) {
  for (int64_t i = n < 64 ? 0 : look_up(x, y, n, table); i < n; ++i) y[i] = table[x[i] + 128];
}

}  // namespace

namespace OPENHB_ISA {
extern const LutLoops kLutLoops;
const LutLoops kLutLoops = {lut_row};
}  // namespace OPENHB_ISA

}  // namespace openhb::kernels
