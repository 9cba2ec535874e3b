// SPDX-License-Identifier: Apache-2.0
// The inner loop of resize_plane.
#pragma once

#include <cstdint>

namespace openhb::dnn {

// One row of `count` output pixels from two source rows. Pixel k lies between the source pixels at byte
// offsets[k] and behind it, weights[k] / 2048 of the way, and row_weight / 2048 of the way from `top` to
// `bottom`.
using BlendRow = void (*)(const uint8_t* top, const uint8_t* bottom, int32_t row_weight,
                          const int32_t* offsets, const int32_t* weights, int32_t count, uint8_t* out);

struct PlaneLoops {
  BlendRow blend[3];  // for 1, 2, 3 interleaved bytes
};

}  // namespace openhb::dnn
