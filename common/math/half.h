// SPDX-License-Identifier: Apache-2.0
// IEEE binary16 as bits, to and from the wider formats, without processor support.
#pragma once

#include <cstdint>

namespace openhb::math {

static inline float half_to_float(uint16_t h) {
  const uint32_t sign = static_cast<uint32_t>(h & 0x8000) << 16;
  const uint32_t magnitude = h & 0x7fff;
  if (magnitude >= 0x7c00) return __builtin_bit_cast(float, sign | 0x7f800000 | (magnitude & 0x3ff) << 13);
  if (magnitude < 0x0400) {  // zero or denormal: an exact multiple of 2^-24
    const float value = static_cast<float>(magnitude) * 0x1p-24f;
    return sign != 0 ? -value : value;
  }
  return __builtin_bit_cast(float, sign | ((magnitude << 13) + (112u << 23)));
}

// To nearest, ties to even, in one rounding.
static inline uint16_t double_to_half(double x) {
  const uint64_t b = __builtin_bit_cast(uint64_t, x);
  const auto sign = static_cast<uint16_t>((b >> 48) & 0x8000);
  const uint64_t magnitude = b & ~(uint64_t{1} << 63);
  if (magnitude > (uint64_t{0x7ff} << 52)) return static_cast<uint16_t>(sign | 0x7e00);
  const double a = __builtin_bit_cast(double, magnitude);
  if (a >= 65520.0) return static_cast<uint16_t>(sign | 0x7c00);
  if (a < 0x1p-14) {  // adding 2^28 leaves multiples of 2^-24 in the low bits
    return static_cast<uint16_t>(sign | (__builtin_bit_cast(uint64_t, a + 0x1p28) & 0x7ff));
  }
  const uint64_t rounded = magnitude + ((uint64_t{1} << 41) - 1) + ((magnitude >> 42) & 1);
  return static_cast<uint16_t>(sign | ((rounded >> 42) - (uint64_t{1008} << 10)));
}
static inline uint16_t float_to_half(float x) { return double_to_half(static_cast<double>(x)); }

}  // namespace openhb::math
