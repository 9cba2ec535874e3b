// SPDX-License-Identifier: Apache-2.0
// int8 Conv by sdot: a line of weights is 16 outputs x 4 inputs, 16 bytes of activations serve four lines.
#include "device/kernels/conv/neon_store.h"

namespace openhb::conv {
namespace {

constexpr int kMr = kConvI8DotprodMr;

template <int M, int Lane>
void step(int32x4_t (&acc)[M][4], const int8x16_t (&xv)[M], const int8_t* w) {
  int8x16_t wv[4];
  for (int i = 0; i < 4; ++i) wv[i] = vld1q_s8(w + i * 16);
  for (int m = 0; m < M; ++m)
    for (int i = 0; i < 4; ++i) acc[m][i] = vdotq_laneq_s32(acc[m][i], wv[i], xv[m], Lane);
}

template <int M>
void run(const ConvTileI8& t) {
  const int64_t bytes = (t.channels + 3) / 4 * 4;  // of x per tap
  int32x4_t acc[M][4];
  for (int m = 0; m < M; ++m)
    for (int i = 0; i < 4; ++i) acc[m][i] = vld1q_s32(t.bias + i * 4);
  const int8_t* w = t.weights;
  for (int64_t tap = 0; tap < t.taps; ++tap) {
    const int8_t* x[M];
    for (int m = 0; m < M; ++m) x[m] = t.rows[tap * kMr + m] + t.x_offset;
    int64_t c = 0;
    int8x16_t xv[M];
    for (; c + 16 <= bytes; c += 16, w += 256) {
      for (int m = 0; m < M; ++m) xv[m] = vld1q_s8(x[m] + c);
      step<M, 0>(acc, xv, w);
      step<M, 1>(acc, xv, w + 64);
      step<M, 2>(acc, xv, w + 128);
      step<M, 3>(acc, xv, w + 192);
    }
    for (; c < bytes; c += 4, w += 64) {
      for (int m = 0; m < M; ++m) {
        int32_t four;
        __builtin_memcpy(&four, x[m] + c, 4);
        xv[m] = vreinterpretq_s8_s32(vdupq_n_s32(four));
      }
      step<M, 0>(acc, xv, w);
    }
  }
  for (int m = 0; m < M; ++m)
    store16(t.stage, t.multiplier, static_cast<char*>(t.y) + m * t.y_pitch, t.outputs, acc[m]);
}

}  // namespace

void conv_i8_dotprod(const ConvTileI8& tile) {
  static_assert(kMr == 5 && kConvI8DotprodNr == 1);
  constexpr void (*kRun[])(const ConvTileI8&) = {run<1>, run<2>, run<3>, run<4>, run<5>};
  kRun[tile.pixels - 1](tile);
}

}  // namespace openhb::conv
