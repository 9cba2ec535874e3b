// SPDX-License-Identifier: Apache-2.0
// int16 Conv for aarch64: smlal to int32 lanes over as many lines as these hold, int64 beyond.
#include <arm_neon.h>
#include <stddef.h>

#include "device/kernels/conv/tile.h"

namespace openhb::conv {
namespace {

// acc[o]: four partial sums of output o.
void flush(int64_t* sums, int32x4_t (&acc)[16]) {
  for (int o = 0; o < 16; ++o) {
    sums[o] =
        static_cast<int64_t>(static_cast<uint64_t>(sums[o]) + static_cast<uint64_t>(vaddlvq_s32(acc[o])));
    acc[o] = vdupq_n_s32(0);
  }
}

}  // namespace

void conv_i16_neon(const ConvTileI16& t) {
  static_assert(kConvI16NeonMr == 1 && kConvI16NeonNr == 1);
  const int64_t lines = (t.channels + 3) / 4;
  int64_t sums[16];
  int32x4_t acc[16];
  for (int o = 0; o < 16; ++o) {
    sums[o] = t.bias[o];
    acc[o] = vdupq_n_s32(0);
  }
  const int8_t* w = t.weights;
  int64_t room = kLinesInInt32;
  for (int64_t tap = 0; tap < t.taps; ++tap) {
    const int16_t* x = t.rows[tap] + t.x_offset;
    for (int64_t left = lines; left > 0;) {
      const int64_t n = left < room ? left : room;
      for (int64_t line = 0; line < n; ++line, w += 64, x += 4) {
        const int16x4_t xv = vld1_s16(x);
        for (int i = 0; i < 4; ++i) {
          const int8x16_t wv = vld1q_s8(w + i * 16);
          const int16x8_t low = vmovl_s8(vget_low_s8(wv)), high = vmovl_high_s8(wv);
          acc[i * 4] = vmlal_s16(acc[i * 4], vget_low_s16(low), xv);
          acc[i * 4 + 1] = vmlal_s16(acc[i * 4 + 1], vget_high_s16(low), xv);
          acc[i * 4 + 2] = vmlal_s16(acc[i * 4 + 2], vget_low_s16(high), xv);
          acc[i * 4 + 3] = vmlal_s16(acc[i * 4 + 3], vget_high_s16(high), xv);
        }
      }
      left -= n, room -= n;
      if (room > 0) continue;
      flush(sums, acc);
      room = kLinesInInt32;
    }
  }
  flush(sums, acc);
  __builtin_memcpy(t.y, sums, static_cast<size_t>(t.outputs) * 8);
}

}  // namespace openhb::conv
