// SPDX-License-Identifier: Apache-2.0
// The portable kernel rows: the norm.
#include <algorithm>

#include "device/kernels/conv/requantize.h"

namespace openhb::conv {
namespace {

// How weights of a block of 16 outputs lie: lines of kDepth input channels, 16 outputs each.
template <class T>
constexpr int64_t kDepth = 1;
template <>
constexpr int64_t kDepth<int8_t> = 4;

template <>
constexpr int64_t kDepth<int16_t> = 4;

template <class T, class B>
void conv_ref(const ConvTile<T, B>& t) {
  constexpr int64_t depth = kDepth<T>;
  const int64_t lines = (t.channels + depth - 1) / depth;
  B acc[16];
  std::copy_n(t.bias, 16, acc);
  for (int64_t tap = 0; tap < t.taps; ++tap) {
    const T* x = t.rows[tap] + t.x_offset;
    for (int64_t c = 0; c < t.channels; ++c) {
      const Weight<T>* w = t.weights + (tap * lines + c / depth) * 16 * depth + c % depth;
      for (int64_t o = 0; o < 16; ++o) acc[o] = multiply_add(acc[o], x[c], w[o * depth]);
    }
  }
  for (int64_t o = 0; o < t.outputs; ++o) store(t.y, o, acc[o], t.multiplier, t.stage);
}

template <class T, class B>
void depthwise_ref(const DepthwiseTile<T, B>& t) {
  for (int64_t p = 0; p < t.pixels; ++p) {
    const T* const* rows = t.rows + p * t.row_stride;
    void* y = static_cast<char*>(t.y) + p * t.y_pitch;
    for (int64_t c = 0; c < t.channels; ++c) {
      B acc = t.bias[c];
      for (int64_t tap = 0; tap < t.taps; ++tap)
        acc = multiply_add(acc, rows[tap][c], t.weights[tap * t.weight_pitch + c]);
      store(y, c, acc, t.multiplier, t.stage);
    }
  }
}

}  // namespace

static_assert(kConvI8RefMr == 1 && kConvI8RefNr == 1 && kConvF32RefMr == 1 && kConvF32RefNr == 1);
void conv_i8_ref(const ConvTileI8& tile) { conv_ref(tile); }
static_assert(kConvI16RefMr == 1 && kConvI16RefNr == 1);
void conv_i16_ref(const ConvTileI16& tile) { conv_ref(tile); }
void conv_f32_ref(const ConvTileF32& tile) { conv_ref(tile); }
void depthwise_i8_ref(const DepthwiseTileI8& tile) { depthwise_ref(tile); }
void depthwise_f32_ref(const DepthwiseTileF32& tile) { depthwise_ref(tile); }

}  // namespace openhb::conv
