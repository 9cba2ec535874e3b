// SPDX-License-Identifier: Apache-2.0
// int8 Depthwise by vpdpbusd over four window rows at a time.
#include <immintrin.h>

#include "device/kernels/conv/span_loops.h"

namespace openhb::conv {
namespace {

__mmask64 first_lanes(int64_t n) { return n >= 64 ? ~__mmask64{0} : (__mmask64{1} << n) - 1; }

// Keeps the compiler from merging a shuffle by constants with another one to something longer.
__m512i opaque(__m512i v) {
  asm("" : "+v"(v));
  return v;
}

// Of dwords in 128-bit lanes, [lane][i] and [i][lane]; its own inverse.
__m512i transposed_dwords() {
  return opaque(_mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
}

__m512i row_lane(__m512i v, __mmask16 lane, const int8_t* row) {
  return _mm512_mask_broadcast_i32x4(v, lane, _mm_loadu_si128(reinterpret_cast<const __m128i*>(row)));
}

struct Vnni {
  using T = int8_t;
  using Span = DepthwiseSpanI8;
  using Vector = __m512i;
  static constexpr int kGroup = 4, kLanes = 16, kPixels = 4, kVectors = 4;

  struct Gather {
    __m512i dwords = transposed_dwords();
    __m512i bytes =
        opaque(_mm512_broadcast_i32x4(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15)));
    __m512i flip = _mm512_set1_epi8(-128);

    void operator()(const T* const* rows, int64_t i, char* to) const {
      __m512i x = _mm512_castsi128_si512(_mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[0] + i)));
      x = row_lane(row_lane(row_lane(x, 0x00f0, rows[1] + i), 0x0f00, rows[2] + i), 0xf000, rows[3] + i);
      x = _mm512_shuffle_epi8(_mm512_permutexvar_epi32(dwords, x), bytes);
      _mm512_storeu_si512(to, _mm512_xor_si512(x, flip));
    }

    void swizzled64(const T* const* rows, char* to) const {
      __m512i x[4];
      for (int i = 0; i < 4; ++i) x[i] = _mm512_xor_si512(_mm512_loadu_si512(rows[i]), flip);
      const __m512i a = _mm512_unpacklo_epi8(x[0], x[1]), b = _mm512_unpacklo_epi8(x[2], x[3]);
      const __m512i c = _mm512_unpackhi_epi8(x[0], x[1]), d = _mm512_unpackhi_epi8(x[2], x[3]);
      _mm512_storeu_si512(to, _mm512_unpacklo_epi16(a, b));
      _mm512_storeu_si512(to + 64, _mm512_unpackhi_epi16(a, b));
      _mm512_storeu_si512(to + 128, _mm512_unpacklo_epi16(c, d));
      _mm512_storeu_si512(to + 192, _mm512_unpackhi_epi16(c, d));
    }
  };

  static Vector load(const void* from) { return _mm512_loadu_si512(from); }
  static Vector dot(Vector acc, Vector x, Vector w) { return _mm512_dpbusd_epi32(acc, x, w); }
  static int64_t output_size(const Span& s) {
    return s.output == SpanOutput::codes8 ? 1 : s.output == SpanOutput::codes16 ? 2 : 4;
  }

  template <int V>
  struct Stage {
    Vector start[V];
    __m512 multiplier[V];
    __m512i dwords, zero_point, lo8, hi8;
    __m256i lo16, hi16;
    SpanOutput output;
    __mmask64 mask;

    Stage(const Span& s, int64_t lane, int64_t valid) {
      for (int v = 0; v < V; ++v) {
        start[v] = load(s.bias + lane + v * kLanes);
        if (s.multiplier)
          multiplier[v] = _mm512_loadu_ps(static_cast<const float*>(s.multiplier) + lane + v * kLanes);
      }
      dwords = s.swizzled ? opaque(_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15))
                          : transposed_dwords();
      zero_point = _mm512_set1_epi16(static_cast<int16_t>(s.zero_point));
      const int32_t lo = static_cast<int32_t>(s.lo) + s.zero_point;
      const int32_t hi = static_cast<int32_t>(s.hi) + s.zero_point;
      lo8 = _mm512_set1_epi8(static_cast<int8_t>(lo));
      hi8 = _mm512_set1_epi8(static_cast<int8_t>(hi));
      lo16 = _mm256_set1_epi16(static_cast<int16_t>(lo));
      hi16 = _mm256_set1_epi16(static_cast<int16_t>(hi));
      output = s.output;
      mask = first_lanes(valid < V * kLanes ? valid : V * kLanes);
    }

    // Bounded later, as codes: no product exceeds an int32.
    __m512i codes(int v, Vector acc) const {
      return _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_cvtepi32_ps(acc), multiplier[v]));
    }

    void store(char* y, const Vector (&acc)[V]) const {
      if (output != SpanOutput::codes8) return store_wide(y, acc);
      __m512i q[4];
      for (int v = 0; v < 4; ++v) q[v] = v < V ? codes(v, acc[v]) : q[0];
      const __m512i low = _mm512_adds_epi16(_mm512_packs_epi32(q[0], q[1]), zero_point);
      const __m512i high = _mm512_adds_epi16(_mm512_packs_epi32(q[2], q[3]), zero_point);
      const __m512i result = _mm512_min_epi8(_mm512_max_epi8(_mm512_packs_epi16(low, high), lo8), hi8);
      if (V == 4 && mask == ~__mmask64{0})  // a masked store takes longer
        _mm512_storeu_si512(y, _mm512_permutexvar_epi32(dwords, result));
      else
        _mm512_mask_storeu_epi8(y, mask, _mm512_permutexvar_epi32(dwords, result));
    }

    void store_wide(char* y, const Vector (&acc)[V]) const {
      for (int v = 0; v < V; ++v) {
        const auto part = static_cast<__mmask16>(mask >> (v * kLanes));
        if (output == SpanOutput::sums)
          _mm512_mask_storeu_epi32(y + v * 64, part, acc[v]);
        else
          _mm256_mask_storeu_epi16(
              y + v * 32, part,
              _mm256_min_epi16(_mm256_max_epi16(_mm512_cvtsepi32_epi16(codes(v, acc[v])), lo16), hi16));
      }
    }
  };
};

}  // namespace

void depthwise_span_i8_avx512vnni(const DepthwiseSpanI8& span) { run_span<Vnni>(span); }

}  // namespace openhb::conv
