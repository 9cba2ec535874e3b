// SPDX-License-Identifier: Apache-2.0
// Inner loops of Nv12.
#pragma once

#include <cstdint>

namespace openhb::kernels {

// Pixels [first, last) of one row, each 3 elements in steps of `pitch`. chroma: the pairs u, v of the row's
// 2x2 blocks.
struct Nv12Loops {
  void (*to_i8)(const uint8_t* luma, const uint8_t* chroma, int8_t* y, int64_t first, int64_t last,
                int64_t pitch);
  void (*to_f32)(const uint8_t* luma, const uint8_t* chroma, float* y, int64_t first, int64_t last,
                 int64_t pitch);
};

}  // namespace openhb::kernels
