// SPDX-License-Identifier: Apache-2.0
// float32 Conv: one fused multiply-add per input channel in ascending order, 16 outputs in four vectors.
#include "device/kernels/conv/neon_store.h"

namespace openhb::conv {
namespace {

constexpr int kMr = kConvF32NeonMr;

template <int M, int Lane>
void step(float32x4_t (&acc)[M][4], const float32x4_t (&xv)[M], const float* w) {
  float32x4_t wv[4];
  for (int i = 0; i < 4; ++i) wv[i] = vld1q_f32(w + i * 4);
  for (int m = 0; m < M; ++m)
    for (int i = 0; i < 4; ++i) acc[m][i] = vfmaq_laneq_f32(acc[m][i], wv[i], xv[m], Lane);
}

template <int M>
void run(const ConvTileF32& t) {
  float32x4_t acc[M][4];
  for (int m = 0; m < M; ++m)
    for (int i = 0; i < 4; ++i) acc[m][i] = vld1q_f32(t.bias + i * 4);
  const float* w = t.weights;
  for (int64_t tap = 0; tap < t.taps; ++tap) {
    const float* x[M];
    for (int m = 0; m < M; ++m) x[m] = t.rows[tap * kMr + m] + t.x_offset;
    int64_t c = 0;
    float32x4_t xv[M];
    for (; c + 4 <= t.channels; c += 4, w += 64) {
      for (int m = 0; m < M; ++m) xv[m] = vld1q_f32(x[m] + c);
      step<M, 0>(acc, xv, w);
      step<M, 1>(acc, xv, w + 16);
      step<M, 2>(acc, xv, w + 32);
      step<M, 3>(acc, xv, w + 48);
    }
    for (; c < t.channels; ++c, w += 16) {
      for (int m = 0; m < M; ++m) xv[m] = vdupq_n_f32(x[m][c]);
      step<M, 0>(acc, xv, w);
    }
  }
  for (int m = 0; m < M; ++m) store16(t.stage, static_cast<char*>(t.y) + m * t.y_pitch, t.outputs, acc[m]);
}

}  // namespace

void conv_f32_neon(const ConvTileF32& tile) {
  static_assert(kMr == 5 && kConvF32NeonNr == 1);
  constexpr void (*kRun[])(const ConvTileF32&) = {run<1>, run<2>, run<3>, run<4>, run<5>};
  kRun[tile.pixels - 1](tile);
}

}  // namespace openhb::conv
