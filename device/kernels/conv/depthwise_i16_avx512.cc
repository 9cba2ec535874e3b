// SPDX-License-Identifier: Apache-2.0
// int16 Depthwise by vpmaddwd over two window rows at a time; the output stage is in binary64.
#include <immintrin.h>

#include "device/kernels/conv/span_loops.h"
#include "device/kernels/conv/store_i16_avx512.h"

namespace openhb::conv {
namespace {

__m512i load256(const int16_t* x) {
  return _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x)));
}

struct Avx512 {
  using T = int16_t;
  using Span = DepthwiseSpanI16;
  using Vector = __m512i;
  static constexpr int kGroup = 2, kLanes = 16, kPixels = 4, kVectors = 2;

  struct Gather {
    void operator()(const T* const* rows, int64_t i, char* to) const {
      _mm512_storeu_si512(to,
                          _mm512_or_si512(load256(rows[0] + i), _mm512_slli_epi32(load256(rows[1] + i), 16)));
    }
  };

  static Vector load(const void* from) { return _mm512_loadu_si512(from); }
  static Vector dot(Vector acc, Vector x, Vector w) {
#if defined(__AVX512VNNI__)
    return _mm512_dpwssd_epi32(acc, x, w);
#else
    return _mm512_add_epi32(acc, _mm512_madd_epi16(x, w));
#endif
  }

  static int64_t output_size(const Span& s) {
    return s.output == SpanOutput::codes8 ? 1 : s.output == SpanOutput::codes16 ? 2 : 4;
  }

  // Even lanes are the low halves of 64-bit lanes, odd lanes the high ones.
  template <int V>
  struct Stage {
    Vector start[V];
    Factors factors[V];
    __mmask16 mask[V];
    Output output;
    int64_t size;

    Stage(const Span& s, int64_t lane, int64_t valid)
        : output(s.lo, s.hi, s.zero_point, s.fits, output_size(s)), size(output_size(s)) {
      const __m512i even = _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14);
      const __m512i odd = _mm512_setr_epi64(1, 3, 5, 7, 9, 11, 13, 15);
      for (int v = 0; v < V; ++v, lane += kLanes, valid -= kLanes) {
        start[v] = _mm512_setzero_si512();
        mask[v] = static_cast<__mmask16>(valid >= 16 ? 0xffff : valid > 0 ? (1 << valid) - 1 : 0);
        const int64_t* bias = s.bias + lane;
        const double* multiplier = static_cast<const double*>(s.multiplier) + lane;
        const __m512i b0 = _mm512_loadu_si512(bias), b1 = _mm512_loadu_si512(bias + 8);
        const __m512d m0 = _mm512_loadu_pd(multiplier), m1 = _mm512_loadu_pd(multiplier + 8);
        factors[v] = {{Factors::to_subtract(_mm512_permutex2var_epi64(b0, even, b1)),
                       Factors::to_subtract(_mm512_permutex2var_epi64(b0, odd, b1))},
                      {_mm512_permutex2var_pd(m0, even, m1), _mm512_permutex2var_pd(m0, odd, m1)}};
      }
    }

    [[gnu::always_inline]] void store(char* y, const Vector (&acc)[V]) const {
      const auto join = [](Vector a, Vector b) __attribute__((always_inline)) {
        return _mm512_mask_shuffle_epi32(a, 0xaaaa, b, _MM_PERM_CCAA);
      };
      for (int v = 0; v < V; ++v)
        output.store(y + v * kLanes * size, mask[v], acc[v], _mm512_srli_epi64(acc[v], 32), factors[v], join);
    }
  };
};

}  // namespace

namespace OPENHB_ISA {
void depthwise_span_i16(const DepthwiseSpanI16& span) { run_span<Avx512>(span); }
}  // namespace OPENHB_ISA

}  // namespace openhb::conv
