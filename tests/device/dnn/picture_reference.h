// SPDX-License-Identifier: Apache-2.0
// docs/numerics.md, "Regions", pixel by pixel, sharing nothing with the library.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>

namespace openhb::test {

struct Region {
  int64_t first_x, first_y, last_x, last_y;
};

// One byte of the result. at(x, y): the byte of the plane's pixel, of `width` x `height` pixels.
inline uint8_t resized_byte(const std::function<uint8_t(int64_t, int64_t)>& at, int64_t width, int64_t height,
                            const Region& region, int64_t target_width, int64_t target_height, int64_t j,
                            int64_t k) {
  struct Axis {
    int64_t a, b, weight;  // neighbours in the picture, of `b` in 1/2048
  };
  const auto axis = [](int64_t first, int64_t last, int64_t extent, int64_t target, int64_t index) {
    const int64_t length = last - first + 1;
    const int64_t step = target > 1 ? ((length - 1) * 65536 + (target - 1) / 2) / (target - 1) : 0;
    int64_t p = (index * step + 16) / 32;
    if (p > (length - 1) * 2048) p = (length - 1) * 2048;
    const auto inside = [&](int64_t x) { return x < 0 ? 0 : x >= extent ? extent - 1 : x; };
    return Axis{inside(first + p / 2048), inside(first + p / 2048 + 1), p % 2048};
  };
  const Axis x = axis(region.first_x, region.last_x, width, target_width, k);
  const Axis y = axis(region.first_y, region.last_y, height, target_height, j);
  const int64_t sum = (2048 - y.weight) * ((2048 - x.weight) * at(x.a, y.a) + x.weight * at(x.b, y.a)) +
                      y.weight * ((2048 - x.weight) * at(x.a, y.b) + x.weight * at(x.b, y.b));
  return static_cast<uint8_t>((sum + 2097152) / 4194304);
}

// The same region of a plane of half extents.
inline Region halved(const Region& r) {
  const auto half = [](int64_t v) { return v >= 0 ? v / 2 : -((1 - v) / 2); };  // rounds down
  return {half(r.first_x), half(r.first_y), half(r.last_x), half(r.last_y)};
}

}  // namespace openhb::test
