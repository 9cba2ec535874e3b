// SPDX-License-Identifier: Apache-2.0
#include "common/image/yuv.h"

#include <algorithm>

namespace openhb {
namespace {

// In 1/65536. Luma sums to 65536, or to 65536 * 219 / 255; chroma to 0.
struct Coefficients {
  int r, g, b, offset;
};
constexpr Coefficients kFull[3] = {
    {19595, 38470, 7471, 0}, {-11058, -21710, 32768, 128}, {32768, -27439, -5329, 128}};
constexpr Coefficients kVideo[3] = {
    {16829, 33039, 6416, 16}, {-9714, -19070, 28784, 128}, {28784, -24103, -4681, 128}};

constexpr YuvMatrix kRgbFromFull = {{{{1, 0, 1.402}, {1, -0.344136, -0.714136}, {1, 1.772, 0}}},
                                    {0, 128, 128}};
constexpr YuvMatrix kRgbFromVideo = {
    {{{1.164383, 0, 1.596027}, {1.164383, -0.391762, -0.812968}, {1.164383, 2.017232, 0}}}, {16, 128, 128}};

}  // namespace

std::array<uint8_t, 3> yuv_of(uint8_t r, uint8_t g, uint8_t b, bool video) {
  std::array<uint8_t, 3> yuv{};
  for (size_t i = 0; i < 3; ++i) {
    const Coefficients& c = (video ? kVideo : kFull)[i];
    const int value = c.r * r + c.g * g + c.b * b + c.offset * 65536;
    yuv[i] = static_cast<uint8_t>(std::clamp((value + 32768) >> 16, 0, 255));
  }
  return yuv;
}

const YuvMatrix& rgb_from_yuv(bool video) { return video ? kRgbFromVideo : kRgbFromFull; }

Tensor nv12_from_yuv444(const Tensor& yuv) {
  const int64_t n = yuv.shape()[0], h = yuv.shape()[1], w = yuv.shape()[2];
  if (h % 2 != 0 || w % 2 != 0)
    fail(ErrorCode::data_bad_size, "a picture of {} x {} cannot become nv12: height and width must be even",
         h, w);
  Tensor nv12(DType::u8, {n, 1, h + h / 2, w});
  const auto from = yuv.data<uint8_t>();
  const auto to = nv12.data<uint8_t>();
  const auto pixel = [&](int64_t image, int64_t y, int64_t x) {
    return &from[static_cast<size_t>(((image * h + y) * w + x) * 3)];
  };
  size_t at = 0;
  for (int64_t image = 0; image < n; ++image) {
    for (int64_t y = 0; y < h; ++y)
      for (int64_t x = 0; x < w; ++x) to[at++] = *pixel(image, y, x);
    for (int64_t y = 0; y < h; y += 2)
      for (int64_t x = 0; x < w; x += 2)
        for (int k : {1, 2})
          to[at++] = static_cast<uint8_t>((pixel(image, y, x)[k] + pixel(image, y, x + 1)[k] +
                                           pixel(image, y + 1, x)[k] + pixel(image, y + 1, x + 1)[k] + 2) >>
                                          2);
  }
  return nv12;
}

Tensor yuv444_from_nv12(const Tensor& nv12) {
  const int64_t n = nv12.shape()[0], h = nv12.shape()[2] / 3 * 2, w = nv12.shape()[3];
  Tensor yuv(DType::u8, {n, h, w, 3});
  const auto from = nv12.data<uint8_t>();
  const auto to = yuv.data<uint8_t>();
  size_t at = 0;
  for (int64_t image = 0; image < n; ++image) {
    const int64_t top = image * (h + h / 2);
    for (int64_t y = 0; y < h; ++y)
      for (int64_t x = 0; x < w; ++x) {
        const auto chroma = static_cast<size_t>((top + h + y / 2) * w + x / 2 * 2);
        to[at++] = from[static_cast<size_t>((top + y) * w + x)];
        to[at++] = from[chroma];
        to[at++] = from[chroma + 1];
      }
  }
  return yuv;
}

}  // namespace openhb
