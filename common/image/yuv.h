// SPDX-License-Identifier: Apache-2.0
// YUV of 8 bits (BT.601): from R, G, B, and between full chroma (YUV444) and chroma for each 2x2 block
// (NV12).
#pragma once

#include <array>
#include <cstdint>

#include "common/tensor.h"

namespace openhb {

// y, u, v. video: luma in 16..235, chroma in 16..240; else all of them in 0..255. 16-bit fixed point, rounded
// half up; the coefficients are those of docs/numerics.md.
std::array<uint8_t, 3> yuv_of(uint8_t r, uint8_t g, uint8_t b, bool video);

// The other way: rgb[c] = sum over k of to[c][k] * (yuv[k] - zero[k]).
struct YuvMatrix {
  std::array<std::array<double, 3>, 3> to;
  std::array<double, 3> zero;
};
const YuvMatrix& rgb_from_yuv(bool video);

// uint8 [N, H, W, 3] to [N, 1, H + H/2, W]: H rows of luma, then H/2 rows of pairs u, v, each the mean of 2x2
// pixels rounded half up. Error(data_bad_size) unless H and W are even.
Tensor nv12_from_yuv444(const Tensor& yuv);
// The step NV12TOYUV444, without its - 128: uint8 [N, H, W, 3].
Tensor yuv444_from_nv12(const Tensor& nv12);

}  // namespace openhb
