// SPDX-License-Identifier: Apache-2.0
// float32 Depthwise, 64 or 16 channels at a time.
#include <immintrin.h>

#include "device/kernels/conv/tile.h"

namespace openhb::conv {
namespace {

// Channels `channel` ... + 16 N; the last vector may reach past the channels, into the slack.
template <int N>
void run_channels(const DepthwiseTileF32& t, int64_t channel) {
  const int64_t last = t.channels - channel - (N - 1) * 16;  // valid lanes of the last vector
  const auto mask = static_cast<__mmask16>(last >= 16 ? 0xffff : (1 << last) - 1);
  const __m512 lo = _mm512_set1_ps(t.stage.lo), hi = _mm512_set1_ps(t.stage.hi);
  const float* weights = t.weights + channel;
  char* y = static_cast<char*>(t.y) + channel * 4;
  for (int32_t p = 0; p < t.pixels; ++p, y += t.y_pitch) {
    const float* const* rows = t.rows + p * t.row_stride;
    __m512 acc[N];
    for (int n = 0; n < N; ++n) acc[n] = _mm512_loadu_ps(t.bias + channel + n * 16);
    const float* w = weights;
    for (int64_t tap = 0; tap < t.taps; ++tap, w += t.weight_pitch) {
      const float* x = rows[tap] + channel;
      for (int n = 0; n < N; ++n)
        acc[n] = _mm512_fmadd_ps(_mm512_loadu_ps(x + n * 16), _mm512_loadu_ps(w + n * 16), acc[n]);
    }
    // min and max return their second operand when the first is NaN or equal, as v < lo ? lo : v does.
    for (int n = 0; n < N; ++n)
      _mm512_mask_storeu_ps(y + n * 64, n + 1 < N ? static_cast<__mmask16>(0xffff) : mask,
                            _mm512_min_ps(hi, _mm512_max_ps(lo, acc[n])));
  }
}

}  // namespace

void depthwise_f32_avx512(const DepthwiseTileF32& tile) {
  int64_t channel = 0;
  for (; channel + 48 < tile.channels; channel += 64) run_channels<4>(tile, channel);
  for (; channel < tile.channels; channel += 16) run_channels<1>(tile, channel);
}

}  // namespace openhb::conv
