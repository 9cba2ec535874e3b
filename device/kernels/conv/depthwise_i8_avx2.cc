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
  static constexpr int kGroup = 2, kLanes = 8, kPixels = 3, kVectors = 4;

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
    Vector zero_point, lo8, hi8, lo16, hi16;
    SpanOutput output;
    int64_t count;
    bool plain;  // whole vectors of codes

    Stage(const Span& s, int64_t lane, int64_t valid) {
      for (int v = 0; v < V; ++v) {
        start[v] = load(s.bias + lane + v * kLanes);
        if (s.multiplier)
          multiplier[v] = _mm256_loadu_ps(static_cast<const float*>(s.multiplier) + lane + v * kLanes);
      }
      zero_point = _mm256_set1_epi16(static_cast<int16_t>(s.zero_point));
      const int32_t lo = static_cast<int32_t>(s.lo) + s.zero_point;
      const int32_t hi = static_cast<int32_t>(s.hi) + s.zero_point;
      lo8 = _mm256_set1_epi8(static_cast<char>(lo));
      hi8 = _mm256_set1_epi8(static_cast<char>(hi));
      lo16 = _mm256_set1_epi16(static_cast<int16_t>(lo));
      hi16 = _mm256_set1_epi16(static_cast<int16_t>(hi));
      output = s.output;
      count = valid < V * kLanes ? valid : V * kLanes;
      plain = output == SpanOutput::codes8 && count == V * kLanes;
    }

    // Bounded later, as codes: no product exceeds an int32.
    __m256i codes(int v, Vector acc) const {
      return _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_cvtepi32_ps(acc), multiplier[v]));
    }

    Vector narrow(const Vector (&acc)[V]) const {
      Vector q[4];
      for (int v = 0; v < 4; ++v) q[v] = v < V ? codes(v, acc[v]) : q[0];
      const Vector low = _mm256_adds_epi16(_mm256_packs_epi32(q[0], q[1]), zero_point);
      const Vector high = _mm256_adds_epi16(_mm256_packs_epi32(q[2], q[3]), zero_point);
      const Vector r = _mm256_min_epi8(_mm256_max_epi8(_mm256_packs_epi16(low, high), lo8), hi8);
      return _mm256_permutevar8x32_epi32(r, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    }

    void store(char* y, const Vector (&acc)[V]) const {
      const Vector r = narrow(acc);
      if constexpr (V == 4)
        store256(y, r);
      else if constexpr (V == 1)
        _mm_storel_epi64(reinterpret_cast<__m128i*>(y), _mm256_castsi256_si128(r));
      else
        store_bytes(y, r, V * kLanes);
    }

    void store_rest(char* y, const Vector (&acc)[V]) const {
      if (output == SpanOutput::codes8)
        store_bytes(y, narrow(acc), count);
      else
        store_wide(y, acc);
    }

    void store_wide(char* y, const Vector (&acc)[V]) const {
      for (int v = 0; v < V && count > v * kLanes; ++v) {
        const int64_t lanes = count - v * kLanes < kLanes ? count - v * kLanes : kLanes;
        if (output == SpanOutput::sums) {
          store_bytes(y + v * 32, acc[v], lanes * 4);
        } else {
          const Vector q = codes(v, acc[v]);
          const Vector r = _mm256_min_epi16(_mm256_max_epi16(_mm256_packs_epi32(q, q), lo16), hi16);
          store_bytes(y + v * 16, _mm256_permute4x64_epi64(r, 0xd8), lanes * 2);
        }
      }
    }
  };
};

}  // namespace

void depthwise_span_i8_avx2(const DepthwiseSpanI8& span) { run_span<Avx2>(span); }

}  // namespace openhb::conv
