// SPDX-License-Identifier: Apache-2.0
#include "common/steps/params.h"
#include "device/kernels/elementwise/binary_form.h"
#include "device/kernels/elementwise/int16_loops.h"
#include "device/kernels/elementwise/loop.h"

#if defined(__AVX512BW__)
#include <immintrin.h>
#endif

namespace openhb::kernels {
namespace {

template <class Y>
struct Codes;
template <>
struct Codes<int16_t> {
  static constexpr int32_t kLowest = -32768, kHighest = 32767;
};
template <>
struct Codes<int8_t> {
  static constexpr int32_t kLowest = -128, kHighest = 127;
};

// sat(rne(v) + zero); NaN gives the lowest code.
template <class Y>
Y code(float v, int32_t zero) {
  const auto z = static_cast<float>(zero);
  return static_cast<Y>(round_clamped(v, static_cast<float>(Codes<Y>::kLowest) - z,
                                      static_cast<float>(Codes<Y>::kHighest) - z) +
                        zero);
}

using enum BinaryFunction;

// docs/numerics.md "Binary" for int16.
template <class Y, BinaryFunction F>
struct OfInt16 {
  static Y of(int16_t a, int16_t b, const BinaryConstants& c) {
    if constexpr (F == mul) return code<Y>(static_cast<float>(int32_t{a} * int32_t{b}) * c.fa, c.zy);
    const float scaled_b = static_cast<float>(b) * c.fb;
    if constexpr (F == add || F == sub)
      return code<Y>(__builtin_fmaf(static_cast<float>(a), c.fa, scaled_b), c.zy);
    const float scaled_a = static_cast<float>(a) * c.fa;
    if constexpr (F == max) return code<Y>(scaled_a > scaled_b ? scaled_a : scaled_b, c.zy);
    if constexpr (F == min) return code<Y>(scaled_a < scaled_b ? scaled_a : scaled_b, c.zy);
    if constexpr (F == BinaryFunction::div) return code<Y>(scaled_a / scaled_b / c.k, c.zy);
    if constexpr (F == equal) return scaled_a == scaled_b;
    if constexpr (F == less) return scaled_a < scaled_b;
    if constexpr (F == less_equal) return scaled_a <= scaled_b;
  }
};

template <class Y, BinaryFunction... F>
constexpr void set_functions(BinaryTable& table) {
  (set_forms<int16_t, int16_t, Y, OfInt16<Y, F>>(table[static_cast<size_t>(F)]), ...);
}

void quantize(const float* x, int16_t* y, int64_t n, float scale) {
  OPENHB_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) y[i] = code<int16_t>(x[i] / scale, 0);
}

void dequantize(const int16_t* x, float* y, int64_t n, float scale) {
  OPENHB_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) y[i] = static_cast<float>(x[i]) * scale;
}

template <class X, class Y>
void requantize(const X* x, void* y_codes, int64_t n, const RequantizeConstants& constants) {
  Y* y = static_cast<Y*>(y_codes);
  const RequantizeConstants c = constants;
  OPENHB_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) {
    const float real = static_cast<float>(x[i] - c.from_zero) * c.from_scale;
    y[i] = code<Y>(real / c.to_scale, c.to_zero);
  }
}

void look_up(const int8_t* x, int16_t* y, int64_t n, const int16_t* table) {
  OPENHB_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) y[i] = table[x[i] + 128];
}

void bound(const int16_t* x, int16_t* y, int64_t n, int16_t lo, int16_t hi) {
  OPENHB_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) {
    const int16_t v = x[i] < lo ? lo : x[i];
    y[i] = v > hi ? hi : v;
  }
}

#if defined(__AVX512BW__)

// Neighbouring entries are one load each, by 16-bit positions from general registers. That is faster than any
// gather instruction, and than taking the positions from a vector one by one.
__m256i four_pairs(const int32_t* table, uint64_t positions) {
  const auto pair = [&](int i) { return table + static_cast<uint16_t>(positions >> 16 * i); };
  const auto two = [&](int i) {
    const __m128i first = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(pair(i)));
    return _mm_castpd_si128(
        _mm_loadh_pd(_mm_castsi128_pd(first), reinterpret_cast<const double*>(pair(i + 1))));
  };
  return _mm256_inserti128_si256(_mm256_castsi128_si256(two(0)), two(2), 1);
}
__m512i eight_pairs(const int32_t* table, __m128i positions) {
  auto low = static_cast<uint64_t>(_mm_cvtsi128_si64(positions));
  auto high = static_cast<uint64_t>(_mm_extract_epi64(positions, 1));
  asm("" : "+r"(low), "+r"(high));
  return _mm512_inserti64x4(_mm512_castsi256_si512(four_pairs(table, low)), four_pairs(table, high), 1);
}

template <class Y>
void interpolate(const int16_t* x, void* y_codes, int64_t n, const int32_t* table, int shift) {
  Y* y = static_cast<Y*>(y_codes);
  const __m512i half = _mm512_set1_epi32(kLutOne / 2 << shift),
                low_bits = _mm512_set1_epi32((1 << shift) - 1);
  const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
  const __m128i step = _mm_cvtsi32_si128(shift), all = _mm_cvtsi32_si128(kLutFraction + shift);
  for (int64_t i = 0; i < n; i += 16) {
    const auto mask = static_cast<__mmask16>(n - i >= 16 ? 0xffff : (1 << (n - i)) - 1);
    const __m256i u = _mm256_xor_si256(_mm256_maskz_loadu_epi16(mask, x + i), _mm256_set1_epi16(-32768));
    const __m256i at = _mm256_srl_epi16(u, step);
    const __m512i low = eight_pairs(table, _mm256_castsi256_si128(at));
    const __m512i high = eight_pairs(table, _mm256_extracti128_si256(at, 1));
    const __m512i t = _mm512_permutex2var_epi32(low, even, high);
    const __m512i rise = _mm512_sub_epi32(_mm512_permutex2var_epi32(low, odd, high), t);
    const __m512i r = _mm512_and_si512(_mm512_cvtepu16_epi32(u), low_bits);
    // t * (step - r) + t' * r, with one product
    const __m512i sum = _mm512_add_epi32(_mm512_sll_epi32(t, step), _mm512_mullo_epi32(rise, r));
    const __m512i v = _mm512_sra_epi32(_mm512_add_epi32(sum, half), all);
    if constexpr (sizeof(Y) == 2)
      _mm256_mask_storeu_epi16(y + i, mask, _mm512_cvtsepi32_epi16(v));
    else
      _mm_mask_storeu_epi8(y + i, mask, _mm512_cvtsepi32_epi8(v));
  }
}

#else

template <class Y>
void interpolate(const int16_t* x, void* y_codes, int64_t n, const int32_t* table, int shift) {
  Y* y = static_cast<Y*>(y_codes);
  const int32_t step = 1 << shift, half = kLutOne / 2 << shift;
  OPENHB_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) {
    const int32_t u = x[i] + 32768, r = u & (step - 1);
    const int32_t* t = table + (u >> shift);
    const int32_t v = (t[0] * (step - r) + t[1] * r + half) >> (kLutFraction + shift);
    y[i] = static_cast<Y>(v < Codes<Y>::kLowest    ? Codes<Y>::kLowest
                          : v > Codes<Y>::kHighest ? Codes<Y>::kHighest
                                                   : v);
  }
}

#endif

constexpr Int16Loops make_loops() {
  Int16Loops loops{.binary = {},
                   .quantize = quantize,
                   .dequantize = dequantize,
                   .requantize_i16 = {requantize<int16_t, int16_t>, requantize<int16_t, int8_t>},
                   .requantize_i8 = {requantize<int8_t, int16_t>, requantize<int8_t, int8_t>},
                   .look_up = look_up,
                   .bound = bound,
                   .interpolate = {interpolate<int16_t>, interpolate<int8_t>}};
  set_functions<int16_t, add, sub, mul, BinaryFunction::div, max, min>(loops.binary[0]);
  set_functions<bool, equal, less, less_equal>(loops.binary[0]);
  set_functions<int8_t, add, sub, mul, BinaryFunction::div, max, min>(loops.binary[1]);
  return loops;
}

}  // namespace

namespace OPENHB_ISA {
extern const Int16Loops kInt16Loops;
constinit const Int16Loops kInt16Loops = make_loops();
}  // namespace OPENHB_ISA

}  // namespace openhb::kernels
