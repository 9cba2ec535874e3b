// SPDX-License-Identifier: Apache-2.0
// int8 Conv without dot product instructions: smull to 16 bits, sadalp to 32. No smlal in between: two
// products of -128 would overflow.
#include "device/kernels/conv/neon_store.h"

namespace openhb::conv {
namespace {

constexpr int kMr = kConvI8NeonMr;

int8x16_t broadcast4(const int8_t* x) {
  int32_t bits;
  __builtin_memcpy(&bits, x, 4);
  return vreinterpretq_s8_s32(vdupq_n_s32(bits));
}

template <int M>
void run(const ConvTileI8& t) {
  const int64_t bytes = (t.channels + 3) / 4 * 4;  // of x per tap
  int32x4_t acc[M][8];  // [i]: two partial sums for each of the outputs 2i and 2i+1
  for (int m = 0; m < M; ++m)
    for (int i = 0; i < 8; ++i) acc[m][i] = vdupq_n_s32(0);
  const int8_t* w = t.weights;
  for (int64_t tap = 0; tap < t.taps; ++tap) {
    const int8_t* x[M];
    for (int m = 0; m < M; ++m) x[m] = t.rows[tap * kMr + m] + t.x_offset;
    for (int64_t c = 0; c < bytes; c += 4, w += 64) {
      int8x16_t xv[M];
      for (int m = 0; m < M; ++m) xv[m] = broadcast4(x[m] + c);
      for (int i = 0; i < 4; ++i) {
        const int8x16_t wv = vld1q_s8(w + i * 16);
        for (int m = 0; m < M; ++m) {
          acc[m][i * 2] = vpadalq_s16(acc[m][i * 2], vmull_s8(vget_low_s8(wv), vget_low_s8(xv[m])));
          acc[m][i * 2 + 1] = vpadalq_s16(acc[m][i * 2 + 1], vmull_high_s8(wv, xv[m]));
        }
      }
    }
  }
  for (int m = 0; m < M; ++m) {
    int32x4_t sums[4];
    for (int i = 0; i < 4; ++i)
      sums[i] = vaddq_s32(vld1q_s32(t.bias + i * 4), vpaddq_s32(acc[m][i * 2], acc[m][i * 2 + 1]));
    store16(t.stage, t.multiplier, static_cast<char*>(t.y) + m * t.y_pitch, t.outputs, sums);
  }
}

}  // namespace

void conv_i8_neon(const ConvTileI8& tile) {
  static_assert(kMr == 2 && kConvI8NeonNr == 1);
  tile.pixels == 1 ? run<1>(tile) : run<2>(tile);
}

}  // namespace openhb::conv
