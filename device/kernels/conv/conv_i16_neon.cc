// SPDX-License-Identifier: Apache-2.0
// int16 Conv for aarch64: smlal to int32 lanes over as many lines as these hold, int64 beyond. A tile is two
// pixels x 8 outputs, so that weights are widened once for both pixels.
#include <arm_neon.h>
#include <stddef.h>

#include "device/kernels/conv/tile.h"

namespace openhb::conv {
namespace {

// In halves of a register, which small in-order cores load beside other work.
[[gnu::always_inline]] inline int8x8_t load(const int8_t* p) {
  int8x8_t v;
  asm volatile("ldr %d0, [%1]" : "=w"(v) : "r"(p));
  return v;
}

// acc[o]: four partial sums of output o.
void flush(int64_t* sums, int32x4_t (&acc)[8]) {
  for (int o = 0; o < 8; ++o) {
    sums[o] =
        static_cast<int64_t>(static_cast<uint64_t>(sums[o]) + static_cast<uint64_t>(vaddlvq_s32(acc[o])));
    acc[o] = vdupq_n_s32(0);
  }
}

template <int M>
[[gnu::always_inline]] inline void add_line(int32x4_t (&acc)[M][8], const int16_t* const (&x)[M], int64_t c,
                                            const int8_t* w) {
  int16x4_t xv[M];
#pragma GCC unroll 2
  for (int m = 0; m < M; ++m) xv[m] = vld1_s16(x[m] + c);
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const int16x8_t wv = vmovl_s8(load(w + i * 8));
#pragma GCC unroll 2
    for (int m = 0; m < M; ++m) {
      acc[m][i * 2] = vmlal_s16(acc[m][i * 2], vget_low_s16(wv), xv[m]);
      acc[m][i * 2 + 1] = vmlal_s16(acc[m][i * 2 + 1], vget_high_s16(wv), xv[m]);
    }
  }
}

// (At most) 8 outputs from `first` on for M pixels from `pixel` on.
template <int M>
void run(const ConvTileI16& t, int64_t first, int64_t pixel, int64_t outputs) {
  const int64_t channels = (t.channels + 3) / 4 * 4;
  int64_t sums[M][8];
  int32x4_t acc[M][8];
  for (int m = 0; m < M; ++m)
    for (int o = 0; o < 8; ++o) {
      sums[m][o] = t.bias[first + o];
      acc[m][o] = vdupq_n_s32(0);
    }
  const int8_t* w = t.weights + first / 16 * t.weight_stride + first % 16 * 4;
  int64_t room = kLinesInInt32 * 4;
  for (int64_t tap = 0; tap < t.taps; ++tap) {
    const int16_t* x[M];
    for (int m = 0; m < M; ++m) x[m] = t.rows[tap * t.row_step + pixel + m] + t.x_offset;
    for (int64_t c = 0; c < channels;) {
      const int64_t end = channels - c < room ? channels : c + room;
      room -= end - c;
      for (; c < end; c += 4, w += 64) add_line<M>(acc, x, c, w);
      if (room > 0) continue;
      for (int m = 0; m < M; ++m) flush(sums[m], acc[m]);
      room = kLinesInInt32 * 4;
    }
  }
  for (int m = 0; m < M; ++m) {
    flush(sums[m], acc[m]);
    __builtin_memcpy(static_cast<char*>(t.y) + (pixel + m) * t.y_pitch + first * 8, sums[m],
                     static_cast<size_t>(outputs) * 8);
  }
}

}  // namespace

void conv_i16_neon(const ConvTileI16& tile) {
  for (int64_t first = 0; first < tile.outputs; first += 8) {
    const int64_t outputs = tile.outputs - first < 8 ? tile.outputs - first : 8;
    int64_t pixel = 0;
    for (; pixel + 2 <= tile.pixels; pixel += 2) run<2>(tile, first, pixel, outputs);
    if (pixel < tile.pixels) run<1>(tile, first, pixel, outputs);
  }
}

}  // namespace openhb::conv
