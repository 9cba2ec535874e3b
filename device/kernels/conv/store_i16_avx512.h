// SPDX-License-Identifier: Apache-2.0
// The output stage of int16 Conv and Depthwise in binary64, from sums in int32 lanes. For ISA files:
// everything here is local to the file that includes it.
#pragma once

#include <immintrin.h>
#include <stdint.h>

namespace openhb::conv {
namespace {

// What belongs to 16 outputs. Biases are exact in binary64, as are their sums with the products.
struct Factors {
  __m512d bias[2], multiplier[2];

  Factors(const int64_t* biases, const double* multipliers) {
    for (int i = 0; i < 2; ++i) {
      bias[i] = _mm512_cvtepi64_pd(_mm512_loadu_si512(biases + i * 8));
      multiplier[i] = _mm512_loadu_pd(multipliers + i * 8);
    }
  }
};

class Output {
 public:
  // fits: no result is beyond int32, before its bounds. y_size: 1 int8, 2 int16, 4 float32.
  Output(float lo, float hi, int32_t zero_point, bool fits, int64_t y_size)
      : lo_(lo), hi_(hi), zero_point_(zero_point), fits_(fits), y_size_(y_size) {}

  // 16 outputs, those in `mask`.
  [[gnu::always_inline]] void store(char* y, __mmask16 mask, __m512i sums, const Factors& f) const {
    const __m512d a = scale(_mm512_castsi512_si256(sums), f.bias[0], f.multiplier[0]);
    const __m512d b = scale(_mm512_extracti64x4_epi64(sums, 1), f.bias[1], f.multiplier[1]);
    if (y_size_ == 2 && fits_) {  // the zero point is 0
      const __m256i q = _mm512_cvtsepi32_epi16(join(_mm512_cvtpd_epi32(a), _mm512_cvtpd_epi32(b)));
      const __m256i bounded =
          _mm256_min_epi16(_mm256_max_epi16(q, _mm256_set1_epi16(static_cast<short>(lo_))),
                           _mm256_set1_epi16(static_cast<short>(hi_)));
      _mm256_mask_storeu_epi16(y, mask, bounded);
      return;
    }
    if (y_size_ == 4) {
      _mm512_mask_storeu_ps(y, mask, _mm512_insertf32x8(_mm512_castps256_ps512(clamp(a)), clamp(b), 1));
      return;
    }
    const __m512i q = _mm512_add_epi32(join(codes(a), codes(b)), _mm512_set1_epi32(zero_point_));
    if (y_size_ == 2)
      _mm256_mask_storeu_epi16(y, mask, _mm512_cvtepi32_epi16(q));
    else
      _mm_mask_storeu_epi8(y, mask, _mm512_cvtepi32_epi8(q));
  }

 private:
  static __m512d scale(__m256i sums, __m512d bias, __m512d multiplier) {
    return _mm512_mul_pd(_mm512_add_pd(_mm512_cvtepi32_pd(sums), bias), multiplier);
  }
  static __m512i join(__m256i low, __m256i high) {
    return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
  }
  __m256i codes(__m512d v) const {  // NaN gives lo
    const __m512d lo = _mm512_set1_pd(double{lo_}), hi = _mm512_set1_pd(double{hi_});
    return _mm512_cvtpd_epi32(_mm512_min_pd(_mm512_max_pd(v, lo), hi));
  }
  __m256 clamp(__m512d v) const {  // NaN passes
    return _mm256_min_ps(_mm256_set1_ps(hi_), _mm256_max_ps(_mm256_set1_ps(lo_), _mm512_cvtpd_ps(v)));
  }

  float lo_, hi_;
  int32_t zero_point_;
  bool fits_;
  int64_t y_size_;
};

}  // namespace
}  // namespace openhb::conv
