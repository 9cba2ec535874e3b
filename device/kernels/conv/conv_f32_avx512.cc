// SPDX-License-Identifier: Apache-2.0
// float32 Conv: one fused multiply-add per input channel in ascending order, 16 outputs per vector.
#include <immintrin.h>

#include "device/kernels/conv/tile.h"

namespace openhb::conv {
namespace {

constexpr int kMr = kConvF32Avx512Mr, kNr = kConvF32Avx512Nr;

__mmask16 first_lanes(int n) { return static_cast<__mmask16>(n >= 16 ? 0xffff : (1 << n) - 1); }

template <int M, int N>
void run(const ConvTileF32& t) {
  __m512 acc[M][N];
  for (int n = 0; n < N; ++n) {
    const __m512 start = _mm512_loadu_ps(t.bias + n * 16);
    for (int m = 0; m < M; ++m) acc[m][n] = start;
  }
  const float* w = t.weights;
  for (int64_t tap = 0; tap < t.taps; ++tap) {
    const float* x[M];
    for (int m = 0; m < M; ++m) x[m] = t.rows[tap * kMr + m] + t.x_offset;
    for (int64_t c = 0; c < t.channels; ++c, w += 16) {
      __m512 wv[N];
      for (int n = 0; n < N; ++n) wv[n] = _mm512_loadu_ps(w + n * t.weight_stride);
      for (int m = 0; m < M; ++m) {
        const __m512 xv = _mm512_set1_ps(x[m][c]);
        for (int n = 0; n < N; ++n) acc[m][n] = _mm512_fmadd_ps(xv, wv[n], acc[m][n]);
      }
    }
  }
  // Operand order: min and max return their second operand when the first is NaN or equal, as v < lo ? lo : v
  // does.
  const __m512 lo = _mm512_set1_ps(t.stage.lo), hi = _mm512_set1_ps(t.stage.hi);
  for (int n = 0; n < N; ++n) {
    const __mmask16 mask = first_lanes(t.outputs - n * 16);
    for (int m = 0; m < M; ++m)
      _mm512_mask_storeu_ps(static_cast<char*>(t.y) + m * t.y_pitch + n * 64, mask,
                            _mm512_min_ps(hi, _mm512_max_ps(lo, acc[m][n])));
  }
}

template <int N>
void run_pixels(const ConvTileF32& t) {
  static_assert(kMr == 6);
  constexpr void (*kRun[])(const ConvTileF32&) = {run<1, N>, run<2, N>, run<3, N>,
                                                  run<4, N>, run<5, N>, run<6, N>};
  kRun[t.pixels - 1](t);
}

}  // namespace

void conv_f32_avx512(const ConvTileF32& tile) {
  static_assert(kNr == 4);
  constexpr void (*kRun[])(const ConvTileF32&) = {run_pixels<1>, run_pixels<2>, run_pixels<3>, run_pixels<4>};
  kRun[(tile.outputs - 1) / 16](tile);
}

}  // namespace openhb::conv
