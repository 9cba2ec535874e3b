// SPDX-License-Identifier: Apache-2.0
// Crop and bilinear resize of one plane of a picture: docs/numerics.md, "Regions".
#pragma once

#include <cstdint>

#include "device/dnn/plane_loops.h"
#include "device/engine/cpu.h"

namespace openhb::dnn {

// Extents are in pixels of this plane, strides in bytes; a pixel is 1 to 3 bytes.
struct PlaneResize {
  const uint8_t* source = nullptr;
  int64_t source_stride = 0;
  int32_t source_width = 0, source_height = 0;
  int32_t left = 0, top = 0, width = 0, height = 0;  // the region; what lies outside is the nearest pixel
  uint8_t* target = nullptr;
  int64_t target_stride = 0;
  int32_t target_width = 0, target_height = 0;
  int32_t channels = 1;
};

// From one target pixel to the next, in 1/65536 of a source pixel.
constexpr int64_t resize_step(int64_t source_length, int64_t target_length) {
  return target_length == 1 ? 0
                            : ((source_length - 1) * 65536 + (target_length - 1) / 2) / (target_length - 1);
}

// The same for the plane of interleaved U, V that belongs to `luma`: extents are halved, and the region is
// the U, V of all its pixels.
PlaneResize chroma_of(const PlaneResize& luma, const uint8_t* source, int64_t source_stride, uint8_t* target,
                      int64_t target_stride) noexcept;

// The fastest loops for `cpu`.
const PlaneLoops& plane_loops(CpuFeatures cpu) noexcept;
// Those for this machine and OPENHB_ISA.
const PlaneLoops& plane_loops() noexcept;

// Extents are at least 1, the region's at most 2^20. Needs 5 KB of stack.
void resize_plane(const PlaneResize& plane, const PlaneLoops& loops) noexcept;

}  // namespace openhb::dnn
