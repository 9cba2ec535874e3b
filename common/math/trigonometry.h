// SPDX-License-Identifier: Apache-2.0
// Sine and cosine of floats in binary64, the argument reduced exactly enough for every float. Rules as in
// elementary.h.
#pragma once

#include "common/math/elementary.h"

namespace openhb::math {

// x = quadrant * pi/2 + r with |r| <= pi/4 (a little more is harmless).
struct Angle {
  double r;
  uint64_t quadrant;  // modulo 4
};

// Up to here two words of pi/2 keep the relative error of r below 2^-49 for every float.
inline constexpr double kModerateAngle = 0x1p27;

static inline Angle reduce_moderate(double x) {
  const double shifted = __builtin_fma(x, 0x1.45f306dc9c883p-1, kRound);
  const double n = shifted - kRound;
  const double r = __builtin_fma(-n, 0x1.1a62633145c07p-54, __builtin_fma(-n, 0x1.921fb54442d18p+0, x));
  return {r, bits_of(shifted)};
}

// For |x| >= 2^27 (the value of a float): the 24-bit significand times a window of the bits of 2/pi (Payne
// and Hanek, 1983). Words to the left of the window only add multiples of 4 quadrants.
static inline Angle reduce_huge(double x) {
  constexpr uint32_t kTwoOverPi[] = {0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0,
                                     0xdb629599, 0x3c439041, 0xfe5163ab, 0xdebbc561};
  const uint64_t b = bits_of(x) & ~(uint64_t{1} << 63);
  if (b >= bits_of(kInf)) return {kNan, 0};
  const uint64_t significand = ((b >> 29) & 0x7fffff) | 0x800000;
  const int exponent =
      static_cast<int>(b >> 52) - 1023 - 23;  // |x| = significand * 2^exponent, 4 <= exponent <= 104
  // |x| 2/pi = significand * sum word[i] 2^(exponent - 32(i+1)); bits of weight 4 and more are dropped.
  const int first = (exponent - 2) / 32, shift = (exponent - 2) % 32;
  uint32_t window[4];  // 128 bits of 2/pi, the top one of weight 2^(1 - exponent)
  for (int i = 0; i < 4; ++i) {
    const uint64_t pair = (uint64_t{kTwoOverPi[first + i]} << 32) | kTwoOverPi[first + i + 1];
    window[i] = static_cast<uint32_t>(pair >> (32 - shift));
  }
  uint32_t product[4];  // significand * window modulo 2^128: quadrants in units of 2^-126
  uint64_t carry = 0;
  for (int i = 3; i >= 0; --i) {
    carry += significand * window[i];
    product[i] = static_cast<uint32_t>(carry);
    carry >>= 32;
  }
  uint64_t hi = (uint64_t{product[0]} << 32) | product[1], lo = (uint64_t{product[2]} << 32) | product[3];
  uint64_t quadrant = (hi >> 62) + ((hi >> 61) & 1);  // to the nearest
  hi = hi << 2 | lo >> 62;
  lo <<= 2;
  const bool negative = (hi >> 63) != 0;  // fraction in [1/2, 1): count from the next quadrant
  if (negative) {
    lo = ~lo + 1;
    hi = ~hi + (lo == 0 ? 1 : 0);
  }
  const int zeros = hi == 0 ? 63 : __builtin_clzll(hi);
  if (zeros != 0) hi = hi << zeros | lo >> (64 - zeros);
  double r = static_cast<double>(static_cast<int64_t>(hi >> 1));  // below 2^63
  r *= double_of(static_cast<uint64_t>(1023 - 63 - zeros) << 52) * 0x1.921fb54442d18p+0;
  if (negative) r = -r;
  if ((bits_of(x) >> 63) != 0) {
    r = -r;
    quadrant = ~quadrant + 1;
  }
  return {r, quadrant};
}

static inline double sine_at(Angle a) {
  // Taylor on |r| <= pi/4: first terms left out below 2^-55 (sine) and 2^-52 (cosine).
  constexpr double kSine[] = {-1.0 / 6,        1.0 / 120,        -1.0 / 5040,         1.0 / 362880,
                              -1.0 / 39916800, 1.0 / 6227020800, -1.0 / 1307674368000};
  constexpr double kCosine[] = {-1.0 / 2,       1.0 / 24,        -1.0 / 720,        1.0 / 40320,
                                -1.0 / 3628800, 1.0 / 479001600, -1.0 / 87178291200};
  const double r2 = a.r * a.r;
  const double sine = a.r * __builtin_fma(r2, polynomial(kSine, r2), 1.0);
  const double cosine = __builtin_fma(r2, polynomial(kCosine, r2), 1.0);
  const double y = (a.quadrant & 1) != 0 ? cosine : sine;
  return double_of(bits_of(y) ^ ((a.quadrant & 2) << 62));
}

static inline double sin_moderate(double x) { return sine_at(reduce_moderate(x)); }
static inline double cos_moderate(double x) {
  Angle a = reduce_moderate(x);
  a.quadrant += 1;
  return sine_at(a);
}
// Sine over cosine of one reduction.
static inline double tan_at(Angle a) {
  const double sine = sine_at(a);
  a.quadrant += 1;
  return sine / sine_at(a);
}
static inline double tan_moderate(double x) { return tan_at(reduce_moderate(x)); }
static inline bool is_moderate(double x) { return magnitude(x) < kModerateAngle; }

static inline double sin(double x) { return is_moderate(x) ? sin_moderate(x) : sine_at(reduce_huge(x)); }
static inline double cos(double x) {
  Angle a = is_moderate(x) ? reduce_moderate(x) : reduce_huge(x);
  a.quadrant += 1;
  return sine_at(a);
}
static inline double tan(double x) { return is_moderate(x) ? tan_moderate(x) : tan_at(reduce_huge(x)); }

}  // namespace openhb::math
