// SPDX-License-Identifier: Apache-2.0
// int8 Depthwise by sdot over four taps at a time: 16 channels of four taps are interleaved to (channel,
// tap).
#include "device/kernels/conv/neon_store.h"

namespace openhb::conv {
namespace {

struct Quad {
  int8x16_t v[4];  // [j]: channels 4j .. 4j+3, four taps each
};

Quad interleave(int8x16_t t0, int8x16_t t1, int8x16_t t2, int8x16_t t3) {
  const int16x8_t a = vreinterpretq_s16_s8(vzip1q_s8(t0, t1)), b = vreinterpretq_s16_s8(vzip1q_s8(t2, t3));
  const int16x8_t c = vreinterpretq_s16_s8(vzip2q_s8(t0, t1)), d = vreinterpretq_s16_s8(vzip2q_s8(t2, t3));
  return {{vreinterpretq_s8_s16(vzip1q_s16(a, b)), vreinterpretq_s8_s16(vzip2q_s16(a, b)),
           vreinterpretq_s8_s16(vzip1q_s16(c, d)), vreinterpretq_s8_s16(vzip2q_s16(c, d))}};
}

void interleave_weights(const DepthwiseTileI8& t, int64_t channel, int8_t* out) {
  const auto load = [&](int64_t tap) {
    return tap < t.taps ? vld1q_s8(t.weights + tap * t.weight_pitch + channel) : vdupq_n_s8(0);
  };
  for (int64_t tap = 0; tap < t.taps; tap += 4, out += 64) {
    const Quad q = interleave(load(tap), load(tap + 1), load(tap + 2), load(tap + 3));
    for (int j = 0; j < 4; ++j) vst1q_s8(out + j * 16, q.v[j]);
  }
}

void run_channels(const DepthwiseTileI8& t, int64_t channel) {
  auto* weights = static_cast<int8_t*>(t.scratch);
  interleave_weights(t, channel, weights);
  const float* multiplier = t.stage.raw ? nullptr : t.multiplier + channel;
  char* y = static_cast<char*>(t.y) + channel * (t.stage.raw ? 4 : 1);
  for (int32_t p = 0; p < t.pixels; ++p, y += t.y_pitch) {
    const int8_t* const* rows = t.rows + p * t.row_stride;
    const auto load = [&](int64_t tap) { return vld1q_s8(rows[tap] + channel); };
    int32x4_t acc[4];
    for (int i = 0; i < 4; ++i) acc[i] = vld1q_s32(t.bias + channel + i * 4);
    const int8_t* w = weights;
    for (int64_t tap = 0; tap < t.taps; tap += 4, w += 64) {
      const Quad x = interleave(load(tap), load(tap + 1), load(tap + 2), load(tap + 3));
      for (int i = 0; i < 4; ++i) acc[i] = vdotq_s32(acc[i], x.v[i], vld1q_s8(w + i * 16));
    }
    store16(t.stage, multiplier, y, t.channels - channel, acc);
  }
}

}  // namespace

void depthwise_i8_dotprod(const DepthwiseTileI8& tile) {
  for (int64_t channel = 0; channel < tile.channels; channel += 16) run_channels(tile, channel);
}

}  // namespace openhb::conv
