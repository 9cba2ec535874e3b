// SPDX-License-Identifier: Apache-2.0
// Depthwise for baseline aarch64, 16 channels at a time. The last vectors may reach past the channels of x,
// into the slack.
#include "device/kernels/conv/neon_store.h"

namespace openhb::conv {
namespace {

void run_channels(const DepthwiseTileI8& t, int64_t channel) {
  const float* multiplier = t.stage.raw ? nullptr : t.multiplier + channel;
  char* y = static_cast<char*>(t.y) + channel * (t.stage.raw ? 4 : 1);
  for (int32_t p = 0; p < t.pixels; ++p, y += t.y_pitch) {
    const int8_t* const* rows = t.rows + p * t.row_stride;
    int32x4_t acc[4];
    for (int i = 0; i < 4; ++i) acc[i] = vld1q_s32(t.bias + channel + i * 4);
    const int8_t* w = t.weights + channel;
    for (int64_t tap = 0; tap < t.taps; ++tap, w += t.weight_pitch) {
      const int8x16_t xv = vld1q_s8(rows[tap] + channel), wv = vld1q_s8(w);
      const int16x8_t low = vmull_s8(vget_low_s8(xv), vget_low_s8(wv)), high = vmull_high_s8(xv, wv);
      acc[0] = vaddw_s16(acc[0], vget_low_s16(low));
      acc[1] = vaddw_high_s16(acc[1], low);
      acc[2] = vaddw_s16(acc[2], vget_low_s16(high));
      acc[3] = vaddw_high_s16(acc[3], high);
    }
    store16(t.stage, multiplier, y, t.channels - channel, acc);
  }
}

void run_channels(const DepthwiseTileF32& t, int64_t channel) {
  char* y = static_cast<char*>(t.y) + channel * 4;
  for (int32_t p = 0; p < t.pixels; ++p, y += t.y_pitch) {
    const float* const* rows = t.rows + p * t.row_stride;
    float32x4_t acc[4];
    for (int i = 0; i < 4; ++i) acc[i] = vld1q_f32(t.bias + channel + i * 4);
    const float* w = t.weights + channel;
    for (int64_t tap = 0; tap < t.taps; ++tap, w += t.weight_pitch) {
      const float* x = rows[tap] + channel;
      for (int i = 0; i < 4; ++i) acc[i] = vfmaq_f32(acc[i], vld1q_f32(x + i * 4), vld1q_f32(w + i * 4));
    }
    store16(t.stage, y, t.channels - channel, acc);
  }
}

}  // namespace

void depthwise_i8_neon(const DepthwiseTileI8& tile) {
  for (int64_t channel = 0; channel < tile.channels; channel += 16) run_channels(tile, channel);
}

void depthwise_f32_neon(const DepthwiseTileF32& tile) {
  for (int64_t channel = 0; channel < tile.channels; channel += 16) run_channels(tile, channel);
}

}  // namespace openhb::conv
