// SPDX-License-Identifier: Apache-2.0
// int16 Depthwise: blocks of 16 channels, int32 sums over as many taps as these hold, int64 beyond. The last
// block may reach past the channels of x, into the slack.
#include "device/kernels/conv/tile.h"

namespace openhb::conv {
namespace {

constexpr int64_t kTapsInInt32 = 256;  // products are at most 2^22

void run_channels(const DepthwiseTileI16& t, int64_t channel) {
  for (int32_t p = 0; p < t.pixels; ++p) {
    const int16_t* const* rows = t.rows + p * t.row_stride;
    const int8_t* w = t.weights + channel;
    uint64_t sum[16];
    for (int i = 0; i < 16; ++i) sum[i] = static_cast<uint64_t>(t.bias[channel + i]);
    for (int64_t first = 0; first < t.taps; first += kTapsInInt32) {
      const int64_t last = t.taps - first < kTapsInInt32 ? t.taps : first + kTapsInInt32;
      int32_t part[16] = {};
      for (int64_t tap = first; tap < last; ++tap, w += t.weight_pitch) {
        const int16_t* x = rows[tap] + channel;
        for (int i = 0; i < 16; ++i) part[i] += int32_t{x[i]} * int32_t{w[i]};
      }
      for (int i = 0; i < 16; ++i) sum[i] += static_cast<uint64_t>(int64_t{part[i]});
    }
    int64_t* y = reinterpret_cast<int64_t*>(static_cast<char*>(t.y) + p * t.y_pitch) + channel;
    for (int i = 0; i < 16; ++i) y[i] = static_cast<int64_t>(sum[i]);  // rows of y hold whole blocks
  }
}

}  // namespace

namespace OPENHB_ISA {
void depthwise_i16(const DepthwiseTileI16& tile) {
  for (int64_t channel = 0; channel < tile.channels; channel += 16) run_channels(tile, channel);
}
}  // namespace OPENHB_ISA

}  // namespace openhb::conv
