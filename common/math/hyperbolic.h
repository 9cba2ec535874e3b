// SPDX-License-Identifier: Apache-2.0
// Hyperbolic functions, their inverses and the inverse trigonometric functions in binary64. Rules as in
// elementary.h.
#pragma once

#include "common/math/elementary.h"

namespace openhb::math {

inline constexpr double kHalfPi = 0x1.921fb54442d18p+0, kHalfPiLo = 0x1.1a62633145c07p-54;

static inline double sinh(double x) {
  const double t = expm1(magnitude(x));
  return with_sign(0.5 * (t + t / (t + 1.0)), x);
}
static inline double cosh(double x) {
  const double e = exp(magnitude(x));
  return 0.5 * (e + 1.0 / e);
}

// log1p keeps its precision for every argument >= 0 but infinity.
static inline double asinh(double x) {
  const double a = magnitude(x);
  const double y = log1p(a + a * a / (1.0 + __builtin_sqrt(__builtin_fma(a, a, 1.0))));
  return with_sign(a == kInf ? kInf : y, x);
}
static inline double acosh(double x) {
  const double t = x - 1.0;
  const double y = log1p(t + __builtin_sqrt(t * (t + 2.0)));
  return x == kInf ? kInf : x >= 1.0 ? y : kNan;
}
static inline double atanh(double x) {
  const double a = magnitude(x);
  const double y = 0.5 * log1p(2.0 * a / (1.0 - a));
  return a < 1.0 ? with_sign(y, x) : a == 1.0 ? with_sign(kInf, x) : kNan;
}

// asin(s)/s as a polynomial of s^2 for |s| <= 1/2, interpolated at Chebyshev nodes (error 2^-51).
static inline double asin_small(double s) {
  constexpr double kAsin[] = {0x1.ffffffffffffep-1, 0x1.55555555575c2p-3,  0x1.3333333031706p-4,
                              0x1.6db6dd2b73e9ap-5, 0x1.f1c697a184bcap-6,  0x1.6e9740e30dbfep-6,
                              0x1.1baaecd577501p-6, 0x1.d56064c12e4ddp-7,  0x1.333f8f79fa40bp-7,
                              0x1.2b1cc4488d698p-6, -0x1.7f2cb032de5f3p-7, 0x1.02164e3a1cbbdp-5};
  return s * polynomial(kAsin, s * s);
}
// Beyond 1/2: asin(x) = pi/2 - 2 asin(sqrt((1 - x)/2)), where 1 - x is exact. |x| > 1 gives NaN.
static inline double asin(double x) {
  const double a = magnitude(x);
  const double far = asin_small(__builtin_sqrt(0.5 * (1.0 - a)));
  return a > 0.5 ? with_sign(kHalfPi - (2.0 * far - kHalfPiLo), x) : asin_small(a <= 0.5 ? x : kNan);
}
static inline double acos(double x) {
  const double a = magnitude(x);
  const double far = 2.0 * asin_small(__builtin_sqrt(0.5 * (1.0 - a)));
  const double near = kHalfPi - (asin_small(a <= 0.5 ? x : kNan) - kHalfPiLo);
  return a > 0.5 ? (x > 0.0 ? far : 2.0 * kHalfPi - far) : near;
}
// The angle's sine is x/sqrt(1 + x^2), its cosine 1/sqrt(1 + x^2): the smaller one is precise.
static inline double atan(double x) {
  const double a = magnitude(x);
  const double r = 1.0 / __builtin_sqrt(__builtin_fma(a, a, 1.0));
  const double small = asin(a > 1.0 ? r : a * r);
  return with_sign(a > 1.0 ? kHalfPi - small : small, x);
}

}  // namespace openhb::math
