// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/elementwise/lut_loops.h"

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace openhb::kernels {
namespace {

// Table: the 256 entries in registers. look_up: kWidth codes.
#if defined(__AVX512VBMI__)

// Two shuffles of 128 entries each, by the low 7 bits of the codes.
constexpr int64_t kWidth = 64;
struct Table {
  __m512i part[4];
  explicit Table(const int8_t* table) {
    for (int k = 0; k < 4; ++k) part[k] = _mm512_loadu_si512(table + 64 * k);
  }
  __m512i look_up(__m512i codes) const {
    return _mm512_mask_blend_epi8(_mm512_movepi8_mask(codes),
                                  _mm512_permutex2var_epi8(part[2], codes, part[3]),
                                  _mm512_permutex2var_epi8(part[0], codes, part[1]));
  }
};

#elif defined(__AVX2__)

// 16 shuffles of 16 entries each by the low 4 bits, then a tree of choices by the others.
#if defined(__AVX512BW__)
constexpr int64_t kWidth = 64;
using Codes = __m512i;
using Mask = __mmask64;
inline Codes repeat(const int8_t* row) {
  return _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(row)));
}
inline Codes low_bits(Codes x) { return _mm512_and_si512(x, _mm512_set1_epi8(15)); }
template <int Bit>
Mask bit(Codes x) {
  return _mm512_movepi8_mask(_mm512_slli_epi16(x, 7 - Bit));
}
inline Codes shuffle(Codes row, Codes index) { return _mm512_shuffle_epi8(row, index); }
inline Codes choose(Mask mask, Codes clear, Codes set) { return _mm512_mask_blend_epi8(mask, clear, set); }
#else
constexpr int64_t kWidth = 32;
using Codes = __m256i;
using Mask = __m256i;  // in bit 7
inline Codes repeat(const int8_t* row) {
  return _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(row)));
}
inline Codes low_bits(Codes x) { return _mm256_and_si256(x, _mm256_set1_epi8(15)); }
template <int Bit>
Mask bit(Codes x) {
  return _mm256_slli_epi16(x, 7 - Bit);
}
inline Codes shuffle(Codes row, Codes index) { return _mm256_shuffle_epi8(row, index); }
inline Codes choose(Mask mask, Codes clear, Codes set) { return _mm256_blendv_epi8(clear, set, mask); }
#endif

struct Table {
  Codes rows[16];
  explicit Table(const int8_t* table) {
    for (int k = 0; k < 16; ++k) rows[k] = repeat(table + 16 * k);
  }
  Codes look_up(Codes codes) const {
    const Codes index = low_bits(codes);
    const Mask b4 = bit<4>(codes), b5 = bit<5>(codes), b6 = bit<6>(codes), b7 = bit<7>(codes);
    const auto two = [&](int k) { return choose(b4, shuffle(rows[k], index), shuffle(rows[k + 1], index)); };
    const auto four = [&](int k) { return choose(b5, two(k), two(k + 2)); };
    const auto eight = [&](int k) { return choose(b6, four(k), four(k + 4)); };
    return choose(b7, eight(8), eight(0));  // the first half is for negative codes
  }
};

#elif defined(__aarch64__)

// Four tables of 64: with u = x + 128, u ^ 64k is an index into table k where u is in it; any other index
// leaves what was found before.
constexpr int64_t kWidth = 16;
struct Table {
  int8x16x4_t part[4];
  explicit Table(const int8_t* table) {
    for (int k = 0; k < 4; ++k) part[k] = vld1q_s8_x4(table + 64 * k);
  }
  int8x16_t look_up(int8x16_t codes) const {
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
inline void full(const Table& table, const int8_t* x, int8_t* y) {
  vst1q_s8(y, table.look_up(load_pair(x, x + 8)));
}

#endif

#if defined(__AVX512BW__)
inline void rest(const Table& table, const int8_t* x, int8_t* y, int64_t n) {
  const __mmask64 mask = ~__mmask64{0} >> (64 - n);
  _mm512_mask_storeu_epi8(y, mask, table.look_up(_mm512_maskz_loadu_epi8(mask, x)));
}
inline void full(const Table& table, const int8_t* x, int8_t* y) {
  _mm512_storeu_si512(y, table.look_up(_mm512_loadu_si512(x)));
}
#elif defined(__AVX2__) || defined(__aarch64__)
#if defined(__AVX2__)
inline void full(const Table& table, const int8_t* x, int8_t* y) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(y),
                      table.look_up(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x))));
}
#endif
inline void rest(const Table& table, const int8_t* x, int8_t* y, int64_t n) {
  int8_t few[kWidth] = {};
  copy_few(few, x, n);
  full(table, few, few);
  copy_few(y, few, n);
}
#endif

#if defined(__aarch64__)
// The last 16 codes may have been done before: in place they must be read before that.
inline void row(const Table& table, const int8_t* x, int8_t* y, int64_t n) {
  if (n < 8) return rest(table, x, y, n);
  if (n < 16) {
    const int8x16_t ends = table.look_up(load_pair(x, x + n - 8));
    vst1_s8(y, vget_low_s8(ends));
    vst1_s8(y + n - 8, vget_high_s8(ends));
    return;
  }
  const int8x16_t last = load_pair(x + n - 16, x + n - 8);
  int64_t i = 0;
  if (n >= 64) {
    int8x16_t next[4];  // loaded an iteration ahead, beside the look-ups
    for (int k = 0; k < 4; ++k) next[k] = load_pair(x + 16 * k, x + 16 * k + 8);
    for (; i + 64 <= n; i += 64) {
      const int8_t* from = x + (i + 128 <= n ? i + 64 : i);
      int8x16_t codes[4];
      for (int k = 0; k < 4; ++k) codes[k] = next[k];
      for (int k = 0; k < 4; ++k) next[k] = load_pair(from + 16 * k, from + 16 * k + 8);
      for (auto& c : codes) c = table.look_up(c);
      for (int k = 0; k < 4; ++k) vst1q_s8(y + i + 16 * k, codes[k]);
    }
  }
  for (; i + 16 <= n; i += 16) full(table, x + i, y + i);
  if (i < n) vst1q_s8(y + n - 16, table.look_up(last));
}
#elif defined(__AVX2__)
inline void row(const Table& table, const int8_t* x, int8_t* y, int64_t n) {
  int64_t i = 0;
  for (; i + kWidth <= n; i += kWidth) full(table, x + i, y + i);
  if (i < n) rest(table, x + i, y + i, n - i);
}
#endif

void look_up(const int8_t* x, int8_t* y, const Plane<2>& p, const int8_t* entries) {
#if defined(__AVX2__) || defined(__aarch64__)
  if (p.n * p.rows >= 64) {
    const Table table(entries);
    for (int64_t r = 0; r < p.rows; ++r, x += p.step[0], y += p.step[1]) row(table, x, y, p.n);
    return;
  }
#endif
  for (int64_t r = 0; r < p.rows; ++r, x += p.step[0], y += p.step[1])
    for (int64_t i = 0; i < p.n; ++i) y[i] = entries[x[i] + 128];
}

}  // namespace

namespace OPENHB_ISA {
extern const LutLoops kLutLoops;
const LutLoops kLutLoops = {look_up};
}  // namespace OPENHB_ISA

}  // namespace openhb::kernels
