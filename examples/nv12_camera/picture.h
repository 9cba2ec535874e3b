// SPDX-License-Identifier: Apache-2.0
// A camera frame: NV12, as a camera gives it, or made from an RGB picture file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

// Y: height rows of `stride` bytes. UV: height / 2 rows of pairs U, V.
struct Frame {
  int width = 0, height = 0, stride = 0;
  std::vector<uint8_t> y, uv;
};

// A binary PPM file (P6), or raw NV12 bytes named like name_640x480.nv12. Throws std::runtime_error.
Frame read_frame(const std::string& path);

// The nearest pixels, for models that want another size.
Frame resize(const Frame& frame, int width, int height);
