// SPDX-License-Identifier: Apache-2.0
// The exact remainder of floats from integer arithmetic.
#pragma once

#include <cstdint>

#include "common/math/elementary.h"

namespace openhb::math {

// x - n y with n = trunc(x / y), exact, with the sign of x. NaN for infinite x and for y = 0.
static inline float fmod(float x, float y) {
  constexpr uint32_t kSign = 0x80000000, kInfinity = 0x7f800000;
  const uint32_t sign = __builtin_bit_cast(uint32_t, x) & kSign;
  const uint32_t a = __builtin_bit_cast(uint32_t, x) & ~kSign, b = __builtin_bit_cast(uint32_t, y) & ~kSign;
  if (a >= kInfinity || b > kInfinity || b == 0) return static_cast<float>(kNan);
  if (a < b) return x;
  // A significand and an exponent each: value = s * 2^(e - 150).
  const auto exponent = [](uint32_t v) { return v >> 23 != 0 ? static_cast<int>(v >> 23) : 1; };
  const auto significand = [](uint32_t v) { return (v & 0x7fffff) | (v >> 23 != 0 ? 0x800000u : 0u); };
  uint64_t rest = significand(a);
  const uint64_t divisor = significand(b);
  int shift = exponent(a) - exponent(b);
  rest %= divisor;
  for (; shift > 0; shift -= 40) rest = (rest << (shift < 40 ? shift : 40)) % divisor;  // below 2^64
  const double unit = double_of(static_cast<uint64_t>(1023 - 150 + exponent(b)) << 52);
  const auto r = static_cast<float>(static_cast<double>(rest) * unit);
  return __builtin_bit_cast(float, __builtin_bit_cast(uint32_t, r) | sign);
}

}  // namespace openhb::math
