// SPDX-License-Identifier: Apache-2.0
#include "device/dnn/plane.h"

#include <algorithm>
#include <cstring>

#include "common/error.h"
#include "device/kernels/elementwise/isa_rows.h"

namespace openhb::dnn {
OPENHB_LOOP_ROWS(PlaneLoops, kPlaneLoops)

namespace {

constexpr int32_t kStrip = 512;  // columns whose offsets and weights are held at a time

// Of target index k, in 1/2048 of a source pixel from the region's first one. At most the last pixel:
// rounding the step up may carry the last index a little beyond it.
int32_t position(int64_t k, int64_t step, int32_t length) {
  return static_cast<int32_t>(std::min((k * step + 16) >> 5, (int64_t{length} - 1) << 11));
}

}  // namespace

PlaneResize chroma_of(const PlaneResize& luma, const uint8_t* source, int64_t source_stride, uint8_t* target,
                      int64_t target_stride) noexcept {
  const auto halves = [](int32_t first, int32_t length) {
    return ((first + length - 1) >> 1) - (first >> 1) + 1;
  };
  return {.source = source,
          .source_stride = source_stride,
          .source_width = luma.source_width / 2,
          .source_height = luma.source_height / 2,
          .left = luma.left >> 1,
          .top = luma.top >> 1,
          .width = halves(luma.left, luma.width),
          .height = halves(luma.top, luma.height),
          .target = target,
          .target_stride = target_stride,
          .target_width = luma.target_width / 2,
          .target_height = luma.target_height / 2,
          .channels = 2};
}

const PlaneLoops& plane_loops(CpuFeatures cpu) noexcept { return *choose_kPlaneLoops(cpu).fn; }

const PlaneLoops& plane_loops() noexcept {
  static const PlaneLoops& loops = []() -> const PlaneLoops& {
    try {
      return plane_loops(usable_cpu());
    } catch (const Error&) {  // OPENHB_ISA is no level; loading a model says so
      return plane_loops(0);
    }
  }();
  return loops;
}

void resize_plane(const PlaneResize& p, const PlaneLoops& loops) noexcept {
  const BlendRow blend = loops.blend[p.channels - 1];
  const int64_t column_step = resize_step(p.width, p.target_width);
  const int64_t row_step = resize_step(p.height, p.target_height);
  const int32_t last_column = p.source_width - 1, last_row = p.source_height - 1;
  int32_t offsets[kStrip], weights[kStrip];

  for (int32_t first = 0; first < p.target_width; first += kStrip) {
    const int32_t count = std::min(kStrip, p.target_width - first);
    for (int32_t k = 0; k < count; ++k) {
      const int32_t at = position(first + k, column_step, p.width);
      const int32_t column = p.left + (at >> 11);
      // Always a pair of neighbours inside the picture: beyond an edge all the weight is on the edge.
      const int32_t pair = std::clamp(column, 0, std::max(0, last_column - 1));
      offsets[k] = pair * p.channels;
      weights[k] = column < 0 ? 0 : column > pair ? 2048 : at & 2047;
    }
    for (int32_t y = 0; y < p.target_height; ++y) {
      const int32_t at = position(y, row_step, p.height);
      const int32_t row = p.top + (at >> 11);
      const uint8_t* above = p.source + std::clamp(row, 0, last_row) * p.source_stride;
      const uint8_t* below = p.source + std::clamp(row + 1, 0, last_row) * p.source_stride;
      uint8_t twice[2][6];
      if (last_column == 0) {  // no neighbour in memory
        for (int side = 0; side < 2; ++side) {
          std::memcpy(twice[0] + side * p.channels, above, static_cast<size_t>(p.channels));
          std::memcpy(twice[1] + side * p.channels, below, static_cast<size_t>(p.channels));
        }
        above = twice[0];
        below = twice[1];
      }
      blend(above, below, at & 2047, offsets, weights, count,
            p.target + y * p.target_stride + int64_t{first} * p.channels);
    }
  }
}

}  // namespace openhb::dnn
