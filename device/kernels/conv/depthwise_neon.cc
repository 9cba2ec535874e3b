// SPDX-License-Identifier: Apache-2.0
// Depthwise for baseline aarch64. The last vectors may reach past the channels of x, into the slack.
#include "device/kernels/conv/neon_store.h"
#include "device/kernels/conv/strip_loops.h"

namespace openhb::conv {
namespace {

// Rows of the window by themselves, widened to 16 bits.
struct Widened {
  using Vector = int16x8_t;
  static constexpr int kRows = 1, kVectors = 1;

  static void make(const int8x16_t (&row)[1], Vector* entry) { *entry = vmovl_s8(vget_low_s8(row[0])); }
  static void add(int32x4_t (&acc)[2], const Vector (&x)[1], const Vector (&w)[1]) {
    acc[0] = vmlal_s16(acc[0], vget_low_s16(x[0]), vget_low_s16(w[0]));
    acc[1] = vmlal_high_s16(acc[1], x[0], w[0]);
  }
};

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

void depthwise_i8_neon(const DepthwiseStrip& strip) { run_strip<Widened>(strip); }

void depthwise_f32_neon(const DepthwiseTileF32& tile) {
  for (int64_t channel = 0; channel < tile.channels; channel += 16) run_channels(tile, channel);
}

}  // namespace openhb::conv
