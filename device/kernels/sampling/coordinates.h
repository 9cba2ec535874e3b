// SPDX-License-Identifier: Apache-2.0
// Coordinates that are computed at run time, as whole numbers that cannot overflow.
#pragma once

#include <cstdint>

namespace openhb::kernels {

// Largest whole number not above v, for |v| < 2^30; beyond, and for NaN, that bound's.
static inline int64_t floor_index(float v) {
  constexpr float kLimit = 0x1p30f;
  if (!(v > -kLimit)) return -(int64_t{1} << 30);
  if (v > kLimit) return int64_t{1} << 30;
  const auto i = static_cast<int64_t>(v);
  return static_cast<float>(i) > v ? i - 1 : i;
}
static inline int64_t ceil_index(float v) { return -floor_index(-v); }
// To nearest, ties to even.
static inline int64_t round_index(float v) {
  const int64_t low = floor_index(v);
  const float rest = v - static_cast<float>(low);
  if (rest == 0.5f) return low + (low & 1);
  return rest > 0.5f ? low + 1 : low;
}

}  // namespace openhb::kernels
