// SPDX-License-Identifier: Apache-2.0
// Crop and bilinear resize of pictures, in fixed point (docs/numerics.md, "Regions"). Plain functions over
// planes: nothing here allocates or throws.
#pragma once

#include <cstdint>

#include "dnn/hb_dnn.h"

namespace openhb::dnn {

// A picture in memory. Y: `uv` is null. NV12: rows of interleaved U, V.
struct Picture {
  uint8_t* y = nullptr;
  uint8_t* uv = nullptr;
  int32_t width = 0, height = 0;        // pixels
  int64_t y_stride = 0, uv_stride = 0;  // bytes
};

// Null when `roi` of a `source` may be resized to `width` x `height`; otherwise the sentence that says why
// not.
const char* check_roi(const Picture& source, const hbDNNRoi& roi, int32_t width, int32_t height) noexcept;

// Fills `target` (its planes, width and height) with region `roi` of `source`; both have uv, or target has
// none.
void resize_roi(const Picture& source, const hbDNNRoi& roi, const Picture& target) noexcept;

}  // namespace openhb::dnn
