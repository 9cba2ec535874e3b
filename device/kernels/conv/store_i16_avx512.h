// SPDX-License-Identifier: Apache-2.0
// The output stage of int16 Conv and Depthwise in binary64. For ISA files: everything here is local to the
// file that includes it.
//
// Conversions between int32 and binary64 take twice as long as what does the same here:
// - s + 2^31 as the low bits of 2^52 is the double 2^52 + 2^31 + s; less 2^52 + 2^31 - bias that is s + bias,
//   all of it exact while |bias| <= 2^52 (kMaxExactBias).
// - v + 1.5 * 2^52 is rounded to the nearest integer, ties to even, whose low 32 bits it then ends in, if
//   |v| < 2^31.
#pragma once

#include <immintrin.h>
#include <stdint.h>

namespace openhb::conv {
namespace {

// 16 outputs are two vectors of 8: their sums are the low halves of 64-bit lanes.
struct Factors {
  __m512d from[2], multiplier[2];

  static __m512d to_subtract(__m512i bias) {
    return _mm512_cvtepi64_pd(
        _mm512_sub_epi64(_mm512_set1_epi64((int64_t{1} << 52) + (int64_t{1} << 31)), bias));
  }
};

class Output {
 public:
  // fits: no result is beyond int32, before its bounds. y_size: 1 int8, 2 int16, 4 float32.
  Output(float lo, float hi, int32_t zero_point, bool fits, int64_t y_size)
      : lo_(lo), hi_(hi), zero_point_(zero_point), fits_(fits), y_size_(y_size) {}

  // The outputs in `mask`. join: from two vectors of 64-bit lanes their low halves, in order.
  template <class Join>
  [[gnu::always_inline]] void store(char* y, __mmask16 mask, __m512i low, __m512i high, const Factors& f,
                                    const Join& join) const {
    const __m512d a = scale(low, f.from[0], f.multiplier[0]), b = scale(high, f.from[1], f.multiplier[1]);
    if (y_size_ == 2 && fits_) {  // the zero point is 0
      const __m256i q = _mm512_cvtsepi32_epi16(join(nearest(a), nearest(b)));
      const __m256i lo = _mm256_set1_epi16(static_cast<short>(lo_));
      const __m256i hi = _mm256_set1_epi16(static_cast<short>(hi_));
      _mm256_mask_storeu_epi16(y, mask, _mm256_min_epi16(_mm256_max_epi16(q, lo), hi));
    } else if (y_size_ == 4) {
      _mm512_mask_storeu_epi32(y, mask, join(real(a), real(b)));
    } else {
      const __m512i q =
          _mm512_add_epi32(join(nearest(bound(a)), nearest(bound(b))), _mm512_set1_epi32(zero_point_));
      if (y_size_ == 2)
        _mm256_mask_storeu_epi16(y, mask, _mm512_cvtepi32_epi16(q));
      else
        _mm_mask_storeu_epi8(y, mask, _mm512_cvtepi32_epi8(q));
    }
  }

 private:
  static __m512d scale(__m512i sums, __m512d from, __m512d multiplier) {
    // (sums & low halves) ^ constant
    const __m512i bits = _mm512_ternarylogic_epi64(sums, _mm512_set1_epi64(0xffffffff),
                                                   _mm512_set1_epi64(0x4330000080000000), 0x6a);
    return _mm512_mul_pd(_mm512_sub_pd(_mm512_castsi512_pd(bits), from), multiplier);
  }
  static __m512i nearest(__m512d v) {
    return _mm512_castpd_si512(_mm512_add_pd(v, _mm512_set1_pd(0x1.8p52)));
  }
  __m512d bound(__m512d v) const {  // NaN gives lo
    return _mm512_min_pd(_mm512_max_pd(v, _mm512_set1_pd(double{lo_})), _mm512_set1_pd(double{hi_}));
  }
  __m512i real(__m512d v) const {  // NaN passes
    const __m256 bounded =
        _mm256_min_ps(_mm256_set1_ps(hi_), _mm256_max_ps(_mm256_set1_ps(lo_), _mm512_cvtpd_ps(v)));
    return _mm512_cvtepu32_epi64(_mm256_castps_si256(bounded));
  }

  float lo_, hi_;
  int32_t zero_point_;
  bool fits_;
  int64_t y_size_;
};

}  // namespace
}  // namespace openhb::conv
