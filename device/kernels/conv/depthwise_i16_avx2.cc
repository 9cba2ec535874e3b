// SPDX-License-Identifier: Apache-2.0
// int16 Depthwise by vpmaddwd over two window rows at a time; the output stage is in binary64.
#include <immintrin.h>
#include <stddef.h>

#include "device/kernels/conv/span_loops.h"

namespace openhb::conv {
namespace {

void store128(char* to, __m128i v) { _mm_storeu_si128(reinterpret_cast<__m128i*>(to), v); }

struct Avx2 {
  using T = int16_t;
  using Span = DepthwiseSpanI16;
  using Vector = __m256i;
  static constexpr int kGroup = 2, kLanes = 8, kPixels = 4, kVectors = 2;

  struct Gather {
    void operator()(const T* const* rows, int64_t i, char* to) const {
      for (int half = 0; half < 2; ++half) {
        const __m128i a = _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[0] + i + half * 8));
        const __m128i b = _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[1] + i + half * 8));
        store128(to + half * 32, _mm_unpacklo_epi16(a, b));
        store128(to + half * 32 + 16, _mm_unpackhi_epi16(a, b));
      }
    }
  };

  static Vector load(const void* from) { return _mm256_loadu_si256(static_cast<const __m256i*>(from)); }
  static Vector dot(Vector acc, Vector x, Vector w) { return _mm256_add_epi32(acc, _mm256_madd_epi16(x, w)); }

  static int64_t output_size(const Span& s) {
    return s.output == SpanOutput::codes8 ? 1 : s.output == SpanOutput::codes16 ? 2 : 4;
  }

  // 4 sums times their multipliers. Sums are below 2^51: added to 3 * 2^51 they are the low bits of a double.
  static __m256d scale(const Span& s, int64_t lane, __m128i acc) {
    const __m256d shift = _mm256_set1_pd(0x1.8p52);
    const __m256i sum = _mm256_add_epi64(_mm256_cvtepi32_epi64(acc), load(s.bias + lane));
    const __m256d exact =
        _mm256_sub_pd(_mm256_castsi256_pd(_mm256_add_epi64(sum, _mm256_castpd_si256(shift))), shift);
    return _mm256_mul_pd(exact, _mm256_loadu_pd(static_cast<const double*>(s.multiplier) + lane));
  }
  static __m128i codes(const Span& s, __m256d v) {  // NaN gives lo
    const __m256d lo = _mm256_set1_pd(double{s.lo}), hi = _mm256_set1_pd(double{s.hi});
    return _mm_add_epi32(_mm256_cvtpd_epi32(_mm256_min_pd(_mm256_max_pd(v, lo), hi)),
                         _mm_set1_epi32(s.zero_point));
  }
  static __m128i clamp(const Span& s, __m256d v) {  // NaN passes
    return _mm_castps_si128(_mm_min_ps(_mm_set1_ps(s.hi), _mm_max_ps(_mm_set1_ps(s.lo), _mm256_cvtpd_ps(v))));
  }

  template <int V>
  struct Stage {
    Vector start[V];
    Span s;
    int64_t first, count;

    Stage(const Span& span, int64_t lane, int64_t valid) : s(span), first(lane), count(valid) {
      for (int v = 0; v < V; ++v) start[v] = _mm256_setzero_si256();
    }

    void store(char* y, const Vector (&acc)[V]) const {
      int64_t valid = count, lane = first;
      for (int v = 0; v < V && valid > 0; ++v, valid -= kLanes, lane += kLanes) {
        const __m256d a = scale(s, lane, _mm256_castsi256_si128(acc[v]));
        const __m256d b = scale(s, lane + 4, _mm256_extracti128_si256(acc[v], 1));
        const int64_t size = output_size(s);
        alignas(16) char bytes[32];
        if (s.output == SpanOutput::real) {
          store128(bytes, clamp(s, a));
          store128(bytes + 16, clamp(s, b));
        } else {
          const __m128i q = _mm_packs_epi32(codes(s, a), codes(s, b));
          store128(bytes, s.output == SpanOutput::codes16 ? q : _mm_packs_epi16(q, q));
        }
        char* to = y + v * kLanes * size;
        if (valid < kLanes)
          __builtin_memcpy(to, bytes, static_cast<size_t>(valid * size));
        else if (s.output == SpanOutput::codes16)
          __builtin_memcpy(to, bytes, 16);
        else if (s.output == SpanOutput::codes8)
          __builtin_memcpy(to, bytes, 8);
        else
          __builtin_memcpy(to, bytes, 32);
      }
    }
  };
};

}  // namespace

void depthwise_span_i16_avx2(const DepthwiseSpanI16& span) { run_span<Avx2>(span); }

}  // namespace openhb::conv
