// SPDX-License-Identifier: Apache-2.0
// int8 Depthwise by vpdpbusd over four window rows at a time.
#include <immintrin.h>

#include "device/kernels/conv/span_loops.h"

namespace openhb::conv {
namespace {

__mmask64 first_lanes(int64_t n) { return n >= 64 ? ~__mmask64{0} : (__mmask64{1} << n) - 1; }

// Between four vectors' worth of dwords in 128-bit lanes and the same in natural order; its own inverse.
__m512i transpose_dwords(__m512i v) {
  return _mm512_permutexvar_epi32(
      _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), v);
}

__m512i row_lane(__m512i v, __mmask16 lane, const int8_t* row) {
  return _mm512_mask_broadcast_i32x4(v, lane, _mm_loadu_si128(reinterpret_cast<const __m128i*>(row)));
}

struct Vnni {
  using T = int8_t;
  using Span = DepthwiseSpanI8;
  using Vector = __m512i;
  static constexpr int kGroup = 4, kLanes = 16, kPixels = 4, kVectors = 4;

  static void gather16(const T* const* rows, int64_t i, char* to) {
    __m512i x = _mm512_castsi128_si512(_mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[0] + i)));
    x = row_lane(row_lane(row_lane(x, 0x00f0, rows[1] + i), 0x0f00, rows[2] + i), 0xf000, rows[3] + i);
    const __m512i bytes = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
    x = _mm512_shuffle_epi8(transpose_dwords(x), bytes);
    _mm512_storeu_si512(to, _mm512_xor_si512(x, _mm512_set1_epi8(-128)));
  }

  static Vector load(const char* from) { return _mm512_loadu_si512(from); }
  static Vector start(const Span& s, int64_t lane) { return _mm512_loadu_si512(s.bias + lane); }
  static Vector dot(Vector acc, Vector x, Vector w) { return _mm512_dpbusd_epi32(acc, x, w); }

  static int64_t output_size(const Span& s) {
    return s.output == SpanOutput::codes8 ? 1 : s.output == SpanOutput::codes16 ? 2 : 4;
  }

  // A NaN becomes the lowest integer, as what is too low does; both end as lo.
  static __m512i codes(const Span& s, int64_t lane, Vector acc) {
    const __m512 v = _mm512_mul_ps(_mm512_cvtepi32_ps(acc),
                                   _mm512_loadu_ps(static_cast<const float*>(s.multiplier) + lane));
    return _mm512_cvtps_epi32(_mm512_min_ps(_mm512_set1_ps(s.hi), v));
  }

  template <int V>
  static void store(const Span& s, int64_t lane, char* y, int64_t valid, const Vector (&acc)[V]) {
    if (s.output != SpanOutput::codes8) return store_wide<V>(s, lane, y, valid, acc);
    __m512i q[4];
    for (int v = 0; v < 4; ++v) q[v] = v < V ? codes(s, lane + v * kLanes, acc[v]) : q[0];
    const __m512i zero_point = _mm512_set1_epi16(static_cast<int16_t>(s.zero_point));
    const __m512i low = _mm512_adds_epi16(_mm512_packs_epi32(q[0], q[1]), zero_point);
    const __m512i high = _mm512_adds_epi16(_mm512_packs_epi32(q[2], q[3]), zero_point);
    const __m512i lo = _mm512_set1_epi8(static_cast<int8_t>(static_cast<int32_t>(s.lo) + s.zero_point));
    const __m512i result = _mm512_max_epi8(transpose_dwords(_mm512_packs_epi16(low, high)), lo);
    if (V == 4 && valid >= 64)
      _mm512_storeu_si512(y, result);
    else
      _mm512_mask_storeu_epi8(y, first_lanes(valid < V * 16 ? valid : V * 16), result);
  }

  template <int V>
  static void store_wide(const Span& s, int64_t lane, char* y, int64_t valid, const Vector (&acc)[V]) {
    for (int v = 0; v < V && valid > v * kLanes; ++v) {
      const auto mask = static_cast<__mmask16>(first_lanes(valid - v * kLanes));
      if (s.output == SpanOutput::sums) {
        _mm512_mask_storeu_epi32(y + v * 64, mask, acc[v]);
      } else {
        const __m256i q = _mm512_cvtsepi32_epi16(codes(s, lane + v * kLanes, acc[v]));
        _mm256_mask_storeu_epi16(y + v * 32, mask,
                                 _mm256_max_epi16(q, _mm256_set1_epi16(static_cast<int16_t>(s.lo))));
      }
    }
  }
};

}  // namespace

void depthwise_span_i8_avx512vnni(const DepthwiseSpanI8& span) { run_span<Vnni>(span); }

}  // namespace openhb::conv
