// SPDX-License-Identifier: Apache-2.0
// int16 Depthwise by vpmaddwd over two window rows at a time; the output stage is in binary64.
#include <immintrin.h>

#include "device/kernels/conv/span_loops.h"

namespace openhb::conv {
namespace {

__m512i load256(const int16_t* x) {
  return _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x)));
}

struct Avx512 {
  using T = int16_t;
  using Span = DepthwiseSpanI16;
  using Vector = __m512i;
  static constexpr int kGroup = 2, kLanes = 16, kPixels = 4, kVectors = 4;

  struct Gather {
    void operator()(const T* const* rows, int64_t i, char* to) const {
      _mm512_storeu_si512(to,
                          _mm512_or_si512(load256(rows[0] + i), _mm512_slli_epi32(load256(rows[1] + i), 16)));
    }
  };

  static Vector load(const void* from) { return _mm512_loadu_si512(from); }
  static Vector dot(Vector acc, Vector x, Vector w) { return _mm512_add_epi32(acc, _mm512_madd_epi16(x, w)); }

  static int64_t output_size(const Span& s) {
    return s.output == SpanOutput::codes8 ? 1 : s.output == SpanOutput::codes16 ? 2 : 4;
  }

  // 8 sums times their multipliers.
  static __m512d scale(const Span& s, int64_t lane, __m256i acc) {
    const __m512i sum = _mm512_add_epi64(_mm512_cvtepi32_epi64(acc), _mm512_loadu_si512(s.bias + lane));
    return _mm512_mul_pd(_mm512_cvtepi64_pd(sum),
                         _mm512_loadu_pd(static_cast<const double*>(s.multiplier) + lane));
  }
  static __m256i codes(const Span& s, __m512d v) {  // NaN gives lo
    const __m512d lo = _mm512_set1_pd(double{s.lo}), hi = _mm512_set1_pd(double{s.hi});
    return _mm512_cvtpd_epi32(_mm512_min_pd(_mm512_max_pd(v, lo), hi));
  }
  static __m256 clamp(const Span& s, __m512d v) {  // NaN passes
    return _mm256_min_ps(_mm256_set1_ps(s.hi), _mm256_max_ps(_mm256_set1_ps(s.lo), _mm512_cvtpd_ps(v)));
  }

  template <int V>
  struct Stage {
    Vector start[V];
    Span s;
    int64_t first, count;

    Stage(const Span& span, int64_t lane, int64_t valid) : s(span), first(lane), count(valid) {
      for (int v = 0; v < V; ++v) start[v] = _mm512_setzero_si512();
    }

    void store(char* y, const Vector (&acc)[V]) const {
      int64_t valid = count, lane = first;
      for (int v = 0; v < V && valid > 0; ++v, valid -= kLanes, lane += kLanes) {
        const auto mask = static_cast<__mmask16>(valid >= 16 ? 0xffff : (1 << valid) - 1);
        const __m512d a = scale(s, lane, _mm512_castsi512_si256(acc[v]));
        const __m512d b = scale(s, lane + 8, _mm512_extracti64x4_epi64(acc[v], 1));
        if (s.output == SpanOutput::real) {
          _mm512_mask_storeu_ps(y + v * 64, mask,
                                _mm512_insertf32x8(_mm512_castps256_ps512(clamp(s, a)), clamp(s, b), 1));
          continue;
        }
        const __m512i q =
            _mm512_add_epi32(_mm512_inserti64x4(_mm512_castsi256_si512(codes(s, a)), codes(s, b), 1),
                             _mm512_set1_epi32(s.zero_point));
        if (s.output == SpanOutput::codes16)
          _mm256_mask_storeu_epi16(y + v * 32, mask, _mm512_cvtepi32_epi16(q));
        else
          _mm_mask_storeu_epi8(y + v * 16, mask, _mm512_cvtepi32_epi8(q));
      }
    }
  };
};

}  // namespace

void depthwise_span_i16_avx512(const DepthwiseSpanI16& span) { run_span<Avx512>(span); }

}  // namespace openhb::conv
