// SPDX-License-Identifier: Apache-2.0
// int8 Depthwise by vpmaddwd over two window rows at a time.
#include <immintrin.h>
#include <stddef.h>

#include "device/kernels/conv/span_loops.h"

namespace openhb::conv {
namespace {

__m128i load128(const int8_t* x) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(x)); }
void store256(void* to, __m256i v) { _mm256_storeu_si256(static_cast<__m256i*>(to), v); }

// The first `count` bytes of a vector.
void store_bytes(char* y, __m256i v, int64_t count) {
  alignas(32) char bytes[32];
  store256(bytes, v);
  __builtin_memcpy(y, bytes, static_cast<size_t>(count));
}

struct Avx2 {
  using T = int8_t;
  using Span = DepthwiseSpanI8;
  using Vector = __m256i;
  static constexpr int kGroup = 2, kLanes = 8, kPixels = 4, kVectors = 2;

  struct Gather {
    void operator()(const T* const* rows, int64_t i, char* to) const {
      const __m128i a = load128(rows[0] + i), b = load128(rows[1] + i);
      store256(to, _mm256_cvtepi8_epi16(_mm_unpacklo_epi8(a, b)));
      store256(to + 32, _mm256_cvtepi8_epi16(_mm_unpackhi_epi8(a, b)));
    }
  };

  static Vector load(const void* from) { return _mm256_loadu_si256(static_cast<const __m256i*>(from)); }
  static Vector dot(Vector acc, Vector x, Vector w) { return _mm256_add_epi32(acc, _mm256_madd_epi16(x, w)); }
  static int64_t output_size(const Span& s) {
    return s.output == SpanOutput::codes8 ? 1 : s.output == SpanOutput::codes16 ? 2 : 4;
  }

  template <int V>
  struct Stage {
    Vector start[V];
    __m256 multiplier[V];
    __m256i zero_point, lo16, hi16;
    __m128i lo8, hi8;
    SpanOutput output;
    int64_t count;

    Stage(const Span& s, int64_t lane, int64_t valid) {
      for (int v = 0; v < V; ++v) {
        start[v] = load(s.bias + lane + v * kLanes);
        if (s.multiplier)
          multiplier[v] = _mm256_loadu_ps(static_cast<const float*>(s.multiplier) + lane + v * kLanes);
      }
      zero_point = _mm256_set1_epi16(static_cast<int16_t>(s.zero_point));
      const int32_t lo = static_cast<int32_t>(s.lo) + s.zero_point;
      const int32_t hi = static_cast<int32_t>(s.hi) + s.zero_point;
      lo8 = _mm_set1_epi8(static_cast<char>(lo));
      hi8 = _mm_set1_epi8(static_cast<char>(hi));
      lo16 = _mm256_set1_epi16(static_cast<int16_t>(lo));
      hi16 = _mm256_set1_epi16(static_cast<int16_t>(hi));
      output = s.output;
      count = valid < V * kLanes ? valid : V * kLanes;
    }

    // Bounded later, as codes: no product exceeds an int32.
    __m256i codes(int v, Vector acc) const {
      return _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_cvtepi32_ps(acc), multiplier[v]));
    }

    void store(char* y, const Vector (&acc)[V]) const {
      if (output == SpanOutput::sums) {
        for (int v = 0; v < V && count > v * kLanes; ++v)
          store_bytes(y + v * 32, acc[v], (count - v * kLanes < kLanes ? count - v * kLanes : kLanes) * 4);
        return;
      }
      const __m256i first = codes(0, acc[0]), second = V > 1 ? codes(V - 1, acc[V - 1]) : first;
      const __m256i q = _mm256_permute4x64_epi64(_mm256_packs_epi32(first, second), 0xd8);
      if (output == SpanOutput::codes16)
        return store_bytes(y, _mm256_min_epi16(_mm256_max_epi16(q, lo16), hi16), count * 2);
      const __m256i sum = _mm256_adds_epi16(q, zero_point);
      const __m128i result = _mm_min_epi8(
          hi8,
          _mm_max_epi8(lo8, _mm_packs_epi16(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1))));
      if (V == 2 && count == 16)
        _mm_storeu_si128(reinterpret_cast<__m128i*>(y), result);
      else if (count == 8)
        _mm_storel_epi64(reinterpret_cast<__m128i*>(y), result);
      else
        store_bytes(y, _mm256_castsi128_si256(result), count);
    }
  };
};

}  // namespace

void depthwise_span_i8_avx2(const DepthwiseSpanI8& span) { run_span<Avx2>(span); }

}  // namespace openhb::conv
