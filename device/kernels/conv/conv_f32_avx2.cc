// SPDX-License-Identifier: Apache-2.0
// float32 Conv: one fused multiply-add per input channel in ascending order, two vectors for 16 outputs.
#include <immintrin.h>
#include <stddef.h>

#include "device/kernels/conv/tile.h"

namespace openhb::conv {
namespace {

constexpr int kMr = kConvF32Avx2Mr;

void store(const ConvTileF32& t, char* y, __m256 low, __m256 high) {
  // Operand order: min and max return their second operand when the first is NaN or equal, as v < lo ? lo : v
  // does.
  const __m256 lo = _mm256_set1_ps(t.stage.lo), hi = _mm256_set1_ps(t.stage.hi);
  low = _mm256_min_ps(hi, _mm256_max_ps(lo, low));
  high = _mm256_min_ps(hi, _mm256_max_ps(lo, high));
  if (t.outputs == 16) {
    _mm256_storeu_ps(reinterpret_cast<float*>(y), low);
    _mm256_storeu_ps(reinterpret_cast<float*>(y) + 8, high);
    return;
  }
  alignas(32) float values[16];
  _mm256_store_ps(values, low);
  _mm256_store_ps(values + 8, high);
  __builtin_memcpy(y, values, static_cast<size_t>(t.outputs) * sizeof(float));
}

template <int M>
void run(const ConvTileF32& t) {
  __m256 acc[M][2];
  for (int m = 0; m < M; ++m)
    for (int i = 0; i < 2; ++i) acc[m][i] = _mm256_loadu_ps(t.bias + i * 8);
  const float* w = t.weights;
  for (int64_t tap = 0; tap < t.taps; ++tap) {
    const float* x[M];
    for (int m = 0; m < M; ++m) x[m] = t.rows[tap * kMr + m] + t.x_offset;
    for (int64_t c = 0; c < t.channels; ++c, w += 16) {
      const __m256 w0 = _mm256_loadu_ps(w), w1 = _mm256_loadu_ps(w + 8);
      for (int m = 0; m < M; ++m) {
        const __m256 xv = _mm256_broadcast_ss(x[m] + c);
        acc[m][0] = _mm256_fmadd_ps(xv, w0, acc[m][0]);
        acc[m][1] = _mm256_fmadd_ps(xv, w1, acc[m][1]);
      }
    }
  }
  for (int m = 0; m < M; ++m) store(t, static_cast<char*>(t.y) + m * t.y_pitch, acc[m][0], acc[m][1]);
}

}  // namespace

void conv_f32_avx2(const ConvTileF32& tile) {
  static_assert(kMr == 6 && kConvF32Avx2Nr == 1);
  constexpr void (*kRun[])(const ConvTileF32&) = {run<1>, run<2>, run<3>, run<4>, run<5>, run<6>};
  kRun[tile.pixels - 1](tile);
}

}  // namespace openhb::conv
