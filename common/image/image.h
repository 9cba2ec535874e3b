// SPDX-License-Identifier: Apache-2.0
// Pictures: decode, resize, colour order. The same code on host and board, so the same bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/program/program.h"
#include "common/tensor.h"

namespace openhb {

// 8-bit pixels, row by row; 3 channels interleaved R, G, B, or 1 channel grey.
struct Image {
  int width = 0, height = 0, channels = 3;
  std::vector<uint8_t> pixels;
};

// JPEG, PNG or BMP by content, always as 3-channel RGB. Throws Error(data_bad_image / file_*), also for
// absurd sizes.
Image decode_image(const std::string& path);
// The same for a file in memory; `name` is for errors.
Image decode_image(std::span<const std::byte> file, const std::string& name);

// Bilinear with half-pixel centres and edge clamp, in 11-bit fixed point: one defined result everywhere.
Image resize_bilinear(const Image& image, int width, int height);

// uint8 tensor [1,C,H,W] or [1,H,W,C] in the colour order of `kind`; nv12: [1,1,H+H/2,W] as in yuv.h.
// bt601_video: YUV of that range.
Tensor image_to_tensor(const Image& image, InputKind kind, bool nhwc, bool bt601_video = false);

// True for the suffixes that decode_image can read (.jpg .jpeg .png .bmp, any case).
bool is_image_path(const std::string& path);

}  // namespace openhb
