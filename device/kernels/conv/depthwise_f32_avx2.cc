// SPDX-License-Identifier: Apache-2.0
// float32 Depthwise, 32 or 8 channels at a time.
#include <immintrin.h>
#include <stddef.h>

#include "device/kernels/conv/tile.h"

namespace openhb::conv {
namespace {

// Channels `channel` ... + 8 N; the last vector may reach past the channels, into the slack.
template <int N>
void run_channels(const DepthwiseTileF32& t, int64_t channel) {
  const int64_t last = t.channels - channel - (N - 1) * 8;  // valid lanes of the last vector
  const __m256 lo = _mm256_set1_ps(t.stage.lo), hi = _mm256_set1_ps(t.stage.hi);
  const float* weights = t.weights + channel;
  char* bytes = static_cast<char*>(t.y) + channel * 4;
  for (int32_t p = 0; p < t.pixels; ++p, bytes += t.y_pitch) {
    const float* const* rows = t.rows + p * t.row_stride;
    __m256 acc[N];
    for (int n = 0; n < N; ++n) acc[n] = _mm256_loadu_ps(t.bias + channel + n * 8);
    const float* w = weights;
    for (int64_t tap = 0; tap < t.taps; ++tap, w += t.weight_pitch) {
      const float* x = rows[tap] + channel;
      for (int n = 0; n < N; ++n)
        acc[n] = _mm256_fmadd_ps(_mm256_loadu_ps(x + n * 8), _mm256_loadu_ps(w + n * 8), acc[n]);
    }
    // min and max return their second operand when the first is NaN or equal, as v < lo ? lo : v does.
    for (int n = 0; n < N; ++n) acc[n] = _mm256_min_ps(hi, _mm256_max_ps(lo, acc[n]));
    float* y = reinterpret_cast<float*>(bytes);
    for (int n = 0; n < N - 1; ++n) _mm256_storeu_ps(y + n * 8, acc[n]);
    if (last >= 8) {
      _mm256_storeu_ps(y + (N - 1) * 8, acc[N - 1]);
    } else {
      alignas(32) float values[8];
      _mm256_store_ps(values, acc[N - 1]);
      __builtin_memcpy(y + (N - 1) * 8, values, static_cast<size_t>(last) * 4);
    }
  }
}

}  // namespace

void depthwise_f32_avx2(const DepthwiseTileF32& tile) {
  int64_t channel = 0;
  for (; channel + 24 < tile.channels; channel += 32) run_channels<4>(tile, channel);
  for (; channel < tile.channels; channel += 8) run_channels<1>(tile, channel);
}

}  // namespace openhb::conv
