// SPDX-License-Identifier: Apache-2.0
// Elementary functions in binary64 from + - * / fma and bit operations only: the same bits on every
// instruction set and with every library. Arguments are values that a float can hold (or what the functions
// here make of them); relative errors are below 2^-44, so that one rounding to float gives at most 0.5001
// ulp. Straight-line code, so that compilers vectorise loops over it.
//
// Everything has internal linkage: kernels compile this header once per instruction set.
#pragma once

#include <cstdint>

namespace openhb::math {

static inline uint64_t bits_of(double x) { return __builtin_bit_cast(uint64_t, x); }
static inline double double_of(uint64_t b) { return __builtin_bit_cast(double, b); }

inline constexpr double kInf = __builtin_huge_val();
inline constexpr double kNan = __builtin_nan("");
inline constexpr double kLn2Hi = 0x1.62e42fefa39efp-1, kLn2Lo = 0x1.abc9e3b39803fp-56;
// Adding this rounds |v| < 2^51 to the nearest even integer, which then stands in the low bits.
inline constexpr double kRound = 0x1.8p52;

// c[0] + c[1] x + ... by Horner's rule.
template <int N>
static inline double polynomial(const double (&c)[N], double x) {
  double r = c[N - 1];
  for (int i = N - 2; i >= 0; --i) r = __builtin_fma(r, x, c[i]);
  return r;
}

// |magnitude| with the sign of `sign`.
static inline double with_sign(double magnitude, double sign) {
  constexpr uint64_t kSign = uint64_t{1} << 63;
  return double_of((bits_of(magnitude) & ~kSign) | (bits_of(sign) & kSign));
}
static inline double magnitude(double x) { return double_of(bits_of(x) & ~(uint64_t{1} << 63)); }

// x = n ln2 + r with |r| <= ln2/2 for |x| < 1100: r, 2^n and (e^r - 1).
struct ExpParts {
  double scale, fraction;
};
static inline ExpParts exp_parts(double x) {
  // Taylor: the first term left out is r^12/12!, below 2^-47 of the result.
  constexpr double kInverseFactorial[] = {1.0 / 2,       1.0 / 6,       1.0 / 24,    1.0 / 120,
                                          1.0 / 720,     1.0 / 5040,    1.0 / 40320, 1.0 / 362880,
                                          1.0 / 3628800, 1.0 / 39916800};
  const double shifted = __builtin_fma(x, 0x1.71547652b82fep+0, kRound);
  const double n = shifted - kRound;
  const double r = __builtin_fma(-n, kLn2Lo, __builtin_fma(-n, kLn2Hi, x));
  const double tail = polynomial(kInverseFactorial, r);
  return {double_of((bits_of(shifted) + 1023) << 52), __builtin_fma(r * r, tail, r)};
}

// e^x for -708 <= x <= 709; beyond, the value at that bound: 0 and infinity once rounded to float.
static inline double exp(double x) {
  x = x < -708.0 ? -708.0 : x;
  x = x > 709.0 ? 709.0 : x;
  const ExpParts p = exp_parts(x);
  return __builtin_fma(p.scale, p.fraction, p.scale);
}

// e^x - 1 with a small relative error around 0 as well; bounds as for exp.
static inline double expm1(double x) {
  x = x < -708.0 ? -708.0 : x;
  x = x > 709.0 ? 709.0 : x;
  const ExpParts p = exp_parts(x);
  return with_sign(__builtin_fma(p.scale, p.fraction, p.scale - 1.0), x);
}

// Natural logarithm of a normal x > 0; 0 gives -infinity, negative values NaN.
static inline double log(double x) {
  // 2 atanh(s)/(2s) = 1 + s^2/3 + s^4/5 + ...; |s| <= 0.1716, the first term left out is below 2^-50.
  constexpr double kAtanh[] = {1.0 / 3, 1.0 / 5, 1.0 / 7, 1.0 / 9, 1.0 / 11, 1.0 / 13, 1.0 / 15, 1.0 / 17};
  // x = m 2^e with sqrt(1/2) <= m < sqrt(2).
  const uint64_t shifted = bits_of(x) - bits_of(0x1.6a09e667f3bcdp-1) + (uint64_t{1023} << 52);
  const uint64_t biased = shifted >> 52;
  const double e = double_of(biased | bits_of(0x1p52)) - (0x1p52 + 1023.0);
  const double m = double_of(bits_of(x) - ((biased - 1023) << 52));
  const double f = m - 1.0;
  const double s = f / (2.0 + f);
  const double s2 = s * s;
  const double twice = 2.0 * s;
  double y = __builtin_fma(e, kLn2Hi, __builtin_fma(twice * s2, polynomial(kAtanh, s2), twice));
  y = x == kInf ? kInf : y;
  y = x == 0.0 ? -kInf : y;
  return x >= 0.0 ? y : kNan;
}

// log(1 + x) for 0 <= x <= 1, with the rounding error of 1 + x given back.
static inline double log1p(double x) {
  const double u = 1.0 + x;
  return log(u) + (x - (u - 1.0)) / u;
}

// tanh(x) = (e^2x - 1)/(e^2x + 1).
static inline double tanh(double x) {
  double t = 2.0 * x;
  t = t > 80.0 ? 80.0 : t;
  const double e = expm1(t);
  return with_sign(e / (e + 2.0), x);
}

static inline double sigmoid(double x) { return 1.0 / (1.0 + exp(-x)); }

// erf(x) for |x| <= 1: x P(x^2), P interpolated at Chebyshev nodes (error 2^-54).
static inline double erf_small(double x) {
  constexpr double kErf[] = {0x1.20dd750429b6dp+0,   -0x1.812746b0379c1p-2,  0x1.ce2f21a040f66p-4,
                             -0x1.b82ce31203772p-6,  0x1.565bccfa44156p-8,   -0x1.c02db0665e53dp-11,
                             0x1.f9a2be4f731a1p-14,  -0x1.f4ca838adb73bp-17, 0x1.b981d78881a5dp-20,
                             -0x1.5c131500d3f88p-23, 0x1.d76af6ca49787p-27,  -0x1.ac9585a44fe29p-31};
  return x * polynomial(kErf, x * x);
}

// erfc(z) for 1 <= z <= 12: e^(-z^2) t P(t), t = 1/(z + 3); t P(t) interpolates e^(z^2) erfc(z) (error
// 2^-53).
static inline double erfc_large(double z) {
  constexpr double kErfcx[] = {0x1.20dd7517ac99fp-1,   0x1.b14c2b4b5bb51p+0,   0x1.32eb7f46fc066p+2,
                               0x1.9634d16ef8a11p+3,   0x1.ee4bf2019a2e0p+4,   0x1.0d27dcd7eb3dep+6,
                               0x1.ec24e5cfc1e42p+6,   0x1.9fb5764d4d9c5p+7,   -0x1.9c9136b52219cp+8,
                               0x1.0d7d93ad5ce64p+12,  -0x1.15d7cbe5f4b51p+15, 0x1.57cc81b2c9469p+17,
                               -0x1.52006e3322d72p+19, 0x1.d2e977fd93a4ep+20,  -0x1.92931bcb3258dp+21,
                               0x1.85c1d47b773acp+21,  -0x1.46aa7936336c4p+20};
  const double t = 1.0 / (z + 3.0);
  return exp(-(z * z)) * (t * polynomial(kErfcx, t));
}

static inline double erf(double x) {
  const double a = magnitude(x);
  double z = a < 1.0 ? 1.0 : a;
  z = z > 12.0 ? 12.0 : z;
  return a > 1.0 ? with_sign(1.0 - erfc_large(z), x) : erf_small(x);
}

// Distribution function of the standard normal distribution, erfc(-x/sqrt2)/2, relatively exact down to x =
// -16.
static inline double normal_cdf(double x) {
  const double v = x * 0x1.6a09e667f3bcdp-1;
  const double a = magnitude(v);
  double z = a < 1.0 ? 1.0 : a;
  z = z > 12.0 ? 12.0 : z;
  const double half_tail = 0.5 * erfc_large(z);
  const double outer = v > 0.0 ? 1.0 - half_tail : half_tail;
  return a > 1.0 ? outer : __builtin_fma(0.5, erf_small(v), 0.5);
}

// |x|^y with IEEE 754 signs and special values, for values of floats.
static inline double pow(double x, double y) {
  const double a = magnitude(x);
  double r = exp(y * log(a));
  r = a == 1.0 ? (y == y ? 1.0 : kNan) : r;
  const bool integer = __builtin_floor(y) == y;
  const double half = 0.5 * y;
  const bool odd = integer & (__builtin_floor(half) != half) & (magnitude(y) != kInf);
  const double signed_r = with_sign(r, x);
  r = odd ? signed_r : r;
  r = ((x < 0.0) & (x != -kInf) & !integer) ? kNan : r;
  return ((y == 0.0) | (x == 1.0)) ? 1.0 : r;
}

}  // namespace openhb::math
