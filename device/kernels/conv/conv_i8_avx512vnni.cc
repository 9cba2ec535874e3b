// SPDX-License-Identifier: Apache-2.0
// int8 Conv by vpdpbusd: activations are flipped to unsigned as they are broadcast, which adds sum128 to the
// sum.
#include <immintrin.h>

#include "device/kernels/conv/tile.h"

namespace openhb::conv {
namespace {

constexpr int kMr = kConvI8VnniMr, kNr = kConvI8VnniNr;

__m512i broadcast4(const int8_t* x) {
  int32_t bits;
  __builtin_memcpy(&bits, x, 4);
  return _mm512_set1_epi32(bits);
}

__mmask16 first_lanes(int n) { return static_cast<__mmask16>(n >= 16 ? 0xffff : (1 << n) - 1); }

template <int M, int N>
void store(const ConvTileI8& t, const __m512i (&acc)[M][N]) {
  const __m512 lo = _mm512_set1_ps(t.stage.lo), hi = _mm512_set1_ps(t.stage.hi);
  const __m512i zero_point = _mm512_set1_epi32(t.stage.zero_point);
  for (int n = 0; n < N; ++n) {
    const __mmask16 mask = first_lanes(t.outputs - n * 16);
    const __m512 multiplier = t.stage.raw ? _mm512_setzero_ps() : _mm512_loadu_ps(t.multiplier + n * 16);
    for (int m = 0; m < M; ++m) {
      char* y = static_cast<char*>(t.y) + m * t.y_pitch;
      if (t.stage.raw) {
        _mm512_mask_storeu_epi32(y + n * 64, mask, acc[m][n]);
        continue;
      }
      __m512 v = _mm512_mul_ps(_mm512_cvtepi32_ps(acc[m][n]), multiplier);
      v = _mm512_min_ps(_mm512_max_ps(v, lo), hi);
      const __m128i q = _mm512_cvtepi32_epi8(_mm512_add_epi32(_mm512_cvtps_epi32(v), zero_point));
      if (mask == 0xffff)
        _mm_storeu_si128(reinterpret_cast<__m128i*>(y + n * 16), q);
      else
        _mm_mask_storeu_epi8(y + n * 16, mask, q);
    }
  }
}

template <int M, int N>
void run(const ConvTileI8& t) {
  const __m512i flip = _mm512_set1_epi8(-128);
  const int64_t bytes = (t.channels + 3) / 4 * 4;  // of x per tap
  __m512i acc[M][N];
  for (int n = 0; n < N; ++n) {
    const __m512i start =
        _mm512_sub_epi32(_mm512_loadu_si512(t.bias + n * 16), _mm512_loadu_si512(t.sum128 + n * 16));
    for (int m = 0; m < M; ++m) acc[m][n] = start;
  }
  const int8_t* w = t.weights;
  for (int64_t tap = 0; tap < t.taps; ++tap) {
    const int8_t* x[M];
    for (int m = 0; m < M; ++m) x[m] = t.rows[tap * kMr + m] + t.x_offset;
    for (int64_t c = 0; c < bytes; c += 4, w += 64) {
      __m512i wv[N];
      for (int n = 0; n < N; ++n) wv[n] = _mm512_loadu_si512(w + n * t.weight_stride);
      for (int m = 0; m < M; ++m) {
        const __m512i u = _mm512_xor_si512(broadcast4(x[m] + c), flip);
        for (int n = 0; n < N; ++n) acc[m][n] = _mm512_dpbusd_epi32(acc[m][n], u, wv[n]);
      }
    }
  }
  // A copy, so that the store's loops index memory and `acc` stays in registers.
  __m512i sums[M][N];
  for (int m = 0; m < M; ++m)
    for (int n = 0; n < N; ++n) sums[m][n] = acc[m][n];
  store<M, N>(t, sums);
}

template <int N>
void run_pixels(const ConvTileI8& t) {
  static_assert(kMr == 6);
  constexpr void (*kRun[])(const ConvTileI8&) = {run<1, N>, run<2, N>, run<3, N>,
                                                 run<4, N>, run<5, N>, run<6, N>};
  kRun[t.pixels - 1](t);
}

}  // namespace

void conv_i8_avx512vnni(const ConvTileI8& tile) {
  static_assert(kNr == 4);
  constexpr void (*kRun[])(const ConvTileI8&) = {run_pixels<1>, run_pixels<2>, run_pixels<3>, run_pixels<4>};
  kRun[(tile.outputs - 1) / 16](tile);
}

}  // namespace openhb::conv
