// SPDX-License-Identifier: Apache-2.0
#include "picture.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

namespace {

Frame make_frame(int width, int height) {
  if (width < 2 || height < 2 || width > 8192 || height > 8192 || width % 2 || height % 2)
    throw std::runtime_error("width and height of a frame must be even");
  Frame f;
  f.width = width, f.height = height;
  f.stride = (width + 15) / 16 * 16;  // rows of camera frames begin at multiples of 16
  f.y.resize(static_cast<size_t>(f.stride) * static_cast<size_t>(height));
  f.uv.resize(f.y.size() / 2);
  return f;
}

uint8_t clamp(double v) { return static_cast<uint8_t>(std::clamp(v + 0.5, 0.0, 255.0)); }

// BT.601, full range, chroma of the mean colour of 2 x 2 pixels. Odd last rows and columns are dropped.
Frame from_rgb(const uint8_t* rgb, int picture_width, int picture_height) {
  Frame f = make_frame(picture_width / 2 * 2, picture_height / 2 * 2);
  for (int y = 0; y < f.height; y += 2)
    for (int x = 0; x < f.width; x += 2) {
      double sum[3] = {};
      for (int k = 0; k < 4; ++k) {
        const int py = y + k / 2, px = x + k % 2;
        const uint8_t* p = rgb + 3 * (static_cast<size_t>(py) * static_cast<size_t>(picture_width) +
                                      static_cast<size_t>(px));
        f.y[static_cast<size_t>(py * f.stride + px)] = clamp(0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2]);
        for (int c = 0; c < 3; ++c) sum[c] += p[c] / 4.0;
      }
      uint8_t* uv = &f.uv[static_cast<size_t>(y / 2 * f.stride + x)];
      uv[0] = clamp(-0.168736 * sum[0] - 0.331264 * sum[1] + 0.5 * sum[2] + 128);
      uv[1] = clamp(0.5 * sum[0] - 0.418688 * sum[1] - 0.081312 * sum[2] + 128);
    }
  return f;
}

Frame from_ppm(const std::string& bytes) {
  std::istringstream text(bytes);
  std::string magic;
  int width = 0, height = 0, largest = 0;
  text >> magic >> width >> height >> largest;
  text.get();  // one blank
  const auto at = static_cast<size_t>(std::max<std::streamoff>(text.tellg(), 0));
  if (width < 2 || height < 2 || width > 8192 || height > 8192 || largest != 255 ||
      bytes.size() < at + 3 * static_cast<size_t>(width) * static_cast<size_t>(height))
    throw std::runtime_error("not a whole PPM of 8 bits (without comments)");
  return from_rgb(reinterpret_cast<const uint8_t*>(bytes.data()) + at, width, height);
}

Frame from_nv12(const std::string& bytes, const std::string& path) {
  int width = 0, height = 0;
  const size_t under = path.rfind('_');
  if (under == std::string::npos || std::sscanf(path.c_str() + under, "_%dx%d.nv12", &width, &height) != 2)
    throw std::runtime_error("the name must end with the size, like frame_640x480.nv12");
  Frame f = make_frame(width, height);
  const auto w = static_cast<size_t>(width), h = static_cast<size_t>(height);
  if (bytes.size() != w * h * 3 / 2) throw std::runtime_error("not width * height * 3 / 2 bytes");
  for (size_t row = 0; row < h + h / 2; ++row) {
    uint8_t* to = row < h ? &f.y[row * static_cast<size_t>(f.stride)]
                          : &f.uv[(row - h) * static_cast<size_t>(f.stride)];
    std::copy_n(reinterpret_cast<const uint8_t*>(bytes.data()) + row * w, w, to);
  }
  return f;
}

}  // namespace

Frame read_frame(const std::string& path) try {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot be opened");
  const std::string bytes((std::istreambuf_iterator<char>(file)), {});
  return bytes.compare(0, 2, "P6") == 0 ? from_ppm(bytes) : from_nv12(bytes, path);
} catch (const std::exception& e) {
  throw std::runtime_error(path + ": " + e.what());
}

Frame resize(const Frame& from, int width, int height) {
  Frame to = make_frame(width, height);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const int sx = (2 * x + 1) * from.width / (2 * width), sy = (2 * y + 1) * from.height / (2 * height);
      to.y[static_cast<size_t>(y * to.stride + x)] = from.y[static_cast<size_t>(sy * from.stride + sx)];
    }
  for (int y = 0; y < height / 2; ++y)
    for (int x = 0; x < width / 2; ++x) {
      const int sx = (2 * x + 1) * from.width / (2 * width), sy = (2 * y + 1) * from.height / (2 * height);
      for (int c = 0; c < 2; ++c)
        to.uv[static_cast<size_t>(y * to.stride + 2 * x + c)] =
            from.uv[static_cast<size_t>(sy * from.stride + 2 * sx + c)];
    }
  return to;
}
