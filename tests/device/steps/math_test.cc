// SPDX-License-Identifier: Apache-2.0
// The float functions against the C library's long double ones: at most 1 ulp (half an ulp and a trace, in
// fact).
#include "common/math/functions.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstring>

#include "common/math/half.h"

namespace openhb {
namespace {

using Real = long double;

Real softplus(Real x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }

struct Row {
  const char* name;
  UnaryFunction function;
  Real (*exact)(Real);
};
constexpr Row kRows[] = {
    {"exp", UnaryFunction::exp, [](Real x) { return std::exp(x); }},
    {"log", UnaryFunction::log, [](Real x) { return std::log(x); }},
    {"tanh", UnaryFunction::tanh, [](Real x) { return std::tanh(x); }},
    {"sigmoid", UnaryFunction::sigmoid, [](Real x) { return 1 / (1 + std::exp(-x)); }},
    {"erf", UnaryFunction::erf, [](Real x) { return std::erf(x); }},
    {"elu", UnaryFunction::elu, [](Real x) { return x < 0 ? Real{0.75} * std::expm1(x) : x; }},
    {"softplus", UnaryFunction::softplus, softplus},
    {"mish", UnaryFunction::mish, [](Real x) { return x * std::tanh(softplus(x)); }},
    {"gelu", UnaryFunction::gelu,
     [](Real x) { return x * std::erfc(-x * 0.70710678118654752440084436210484903928L) / 2; }},
    {"sin", UnaryFunction::sin, [](Real x) { return std::sin(x); }},
    {"cos", UnaryFunction::cos, [](Real x) { return std::cos(x); }},
    {"sqrt", UnaryFunction::sqrt, [](Real x) { return std::sqrt(x); }},
    {"reciprocal", UnaryFunction::reciprocal, [](Real x) { return 1 / x; }},
    {"leaky_relu", UnaryFunction::leaky_relu, [](Real x) { return x < 0 ? Real{0.75} * x : x; }},
    {"hard_sigmoid", UnaryFunction::hard_sigmoid,
     [](Real x) { return std::fmin(std::fmax(Real{0.75} * x + Real{0.5}, Real{0}), Real{1}); }},
    {"hard_swish", UnaryFunction::hard_swish,
     [](Real x) { return x * std::fmin(std::fmax(x / 6 + Real{0.5}, Real{0}), Real{1}); }},
    {"acos", UnaryFunction::acos, [](Real x) { return std::acos(x); }},
    {"acosh", UnaryFunction::acosh, [](Real x) { return std::acosh(x); }},
    {"asin", UnaryFunction::asin, [](Real x) { return std::asin(x); }},
    {"asinh", UnaryFunction::asinh, [](Real x) { return std::asinh(x); }},
    {"atan", UnaryFunction::atan, [](Real x) { return std::atan(x); }},
    {"atanh", UnaryFunction::atanh, [](Real x) { return std::atanh(x); }},
    {"cosh", UnaryFunction::cosh, [](Real x) { return std::cosh(x); }},
    {"sinh", UnaryFunction::sinh, [](Real x) { return std::sinh(x); }},
    {"tan", UnaryFunction::tan, [](Real x) { return std::tan(x); }},
    {"celu", UnaryFunction::celu, [](Real x) { return x > 0 ? x : Real{0.75} * std::expm1(x / Real{0.75}); }},
    {"selu", UnaryFunction::selu,
     [](Real x) { return Real{0.5} * (x > 0 ? x : Real{0.75} * std::expm1(x)); }},
    {"softsign", UnaryFunction::softsign, [](Real x) { return x / (1 + std::fabs(x)); }},
    {"shrink", UnaryFunction::shrink,
     [](Real x) { return x < Real{-0.75}  ? x + Real{0.5}
                         : x > Real{0.75} ? x - Real{0.5}
                                          : Real{0}; }},
    {"thresholded_relu", UnaryFunction::thresholded_relu,
     [](Real x) { return x > Real{0.75} ? x : Real{0}; }},
    {"gelu_tanh", UnaryFunction::gelu_tanh,
     [](Real x) {
       const Real z = 0.79788456080286535587989211986876373L * (x + 0.044715L * x * x * x);
       return x / (1 + std::exp(-2 * z));
     }},
    {"swish", UnaryFunction::swish, [](Real x) { return x / (1 + std::exp(Real{-0.75} * x)); }},
};
constexpr float kAlpha = 0.75f, kBeta = 0.5f;

// |y - exact| in units of the last place of a float near `exact`.
double ulps(Real exact, float y) {
  int exponent = 0;
  std::frexp(exact, &exponent);
  return static_cast<double>(std::fabs(static_cast<Real>(y) - exact) /
                             std::ldexp(Real{1}, std::max(exponent, -125) - 24));
}

// Native runs sample densely; emulated ones (quadruple precision in software) thinly.
constexpr uint64_t kStep = sizeof(void*) == 8 && LDBL_MANT_DIG == 64 ? 10007 : 1000003;

TEST(Math, UnaryFunctionsAreWithinOneUlp) {
  for (const Row& row : kRows) {
    double worst = 0;
    float at = 0;
    for (uint64_t i = 0; i < (uint64_t{1} << 32); i += kStep) {
      const float x = __builtin_bit_cast(float, static_cast<uint32_t>(i));
      if (!std::isfinite(x)) continue;
      const float y = math::evaluate_unary_f32(row.function, x, kAlpha, kBeta);
      const Real exact = row.exact(x);
      const float rounded = static_cast<float>(exact);
      if (std::isnan(exact)) {
        ASSERT_TRUE(std::isnan(y)) << row.name << "(" << x << ")";
      } else if (std::isinf(rounded)) {
        ASSERT_EQ(rounded, y) << row.name << "(" << x << ")";
      } else if (const double error = ulps(exact, y); error > worst) {
        worst = error;
        at = x;
      }
    }
    std::printf("%-12s %.6f ulp at %a\n", row.name, worst, static_cast<double>(at));
    EXPECT_LE(worst, 1.0) << row.name;
  }
}

TEST(Math, BinaryFunctionsOfTheCompilersTablesAreMorePrecise) {
  for (const Row& row : kRows) {
    double worst = 0;
    for (uint64_t i = 0; i < (uint64_t{1} << 32); i += kStep * 16) {
      const float x = __builtin_bit_cast(float, static_cast<uint32_t>(i));
      const Real exact = std::isfinite(x) ? row.exact(x) : 0;
      if (!std::isfinite(exact) || std::fabs(exact) < 0x1p-149L || std::fabs(exact) > 0x1p127L) continue;
      const double y = math::evaluate_unary(row.function, static_cast<double>(x), static_cast<double>(kAlpha),
                                            static_cast<double>(kBeta));
      worst = std::max(worst, static_cast<double>(std::fabs(static_cast<Real>(y) / exact - 1)));
    }
    std::printf("%-12s 2^%.1f relative\n", row.name, std::log2(worst));
    EXPECT_LT(worst, 0x1p-43) << row.name;
  }
}

TEST(Math, SpecialValues) {
  const float inf = INFINITY, nan = NAN;
  const auto f = [](UnaryFunction g, float x) { return math::evaluate_unary_f32(g, x, 0.75f, 0.5f); };
  using enum UnaryFunction;
  EXPECT_EQ(inf, f(exp, inf));
  EXPECT_EQ(0.0f, f(exp, -inf));
  EXPECT_EQ(-inf, f(log, 0.0f));
  EXPECT_EQ(inf, f(log, inf));
  EXPECT_TRUE(std::isnan(f(log, -1.0f)));
  EXPECT_EQ(1.0f, f(tanh, inf));
  EXPECT_EQ(-1.0f, f(tanh, -inf));
  EXPECT_EQ(1.0f, f(sigmoid, inf));
  EXPECT_EQ(0.0f, f(sigmoid, -inf));
  EXPECT_EQ(1.0f, f(erf, inf));
  EXPECT_EQ(-0.75f, f(elu, -inf));
  EXPECT_EQ(inf, f(softplus, inf));
  EXPECT_EQ(0.0f, f(softplus, -inf));
  EXPECT_EQ(0.0f, f(mish, -inf));
  EXPECT_EQ(inf, f(mish, inf));
  EXPECT_EQ(0.0f, f(gelu, -inf));
  EXPECT_EQ(inf, f(gelu, inf));
  EXPECT_EQ(-1.0f, f(sign, -inf));
  EXPECT_EQ(2.0f, f(round, 2.5f));
  EXPECT_EQ(-4.0f, f(round, -3.5f));
  EXPECT_TRUE(std::isnan(f(sin, inf)));
  EXPECT_TRUE(std::isnan(f(cos, -inf)));
  EXPECT_EQ(inf, f(acosh, inf));
  EXPECT_EQ(-inf, f(asinh, -inf));
  EXPECT_EQ(inf, f(atanh, 1.0f));
  EXPECT_EQ(-inf, f(sinh, -inf));
  EXPECT_EQ(inf, f(cosh, -inf));
  EXPECT_EQ(-0x1.921fb6p+0f, f(atan, -inf));
  EXPECT_EQ(0x1.921fb6p+1f, f(acos, -1.0f));
  EXPECT_EQ(-0.75f, f(celu, -inf));
  EXPECT_EQ(inf, f(selu, inf));
  EXPECT_EQ(-1.0f, f(softsign, -inf));
  EXPECT_EQ(0.0f, f(gelu_tanh, -inf));
  EXPECT_EQ(inf, f(gelu_tanh, inf));
  EXPECT_EQ(0.0f, f(swish, -inf));
  EXPECT_EQ(inf, f(swish, inf));
  EXPECT_TRUE(std::isnan(f(tan, inf)));
  for (const UnaryFunction g : {acos, asin, atanh}) EXPECT_TRUE(std::isnan(f(g, 1.5f)));
  EXPECT_TRUE(std::isnan(f(acosh, -3.0f)));
  for (int g = 0; g < math::kUnaryFunctions; ++g) {
    const auto function = static_cast<UnaryFunction>(g);
    if (function == shrink || function == thresholded_relu)
      EXPECT_EQ(0.0f, f(function, nan)) << g;  // a NaN is not beyond their threshold
    else
      EXPECT_TRUE(std::isnan(f(function, nan))) << g;
  }
  for (const UnaryFunction g :
       {tanh, erf,  elu,   gelu, mish,  sin,  hard_swish, sqrt,     leaky_relu, round, floor,
        ceil, asin, asinh, atan, atanh, sinh, tan,        softsign, gelu_tanh,  swish}) {
    EXPECT_EQ(0.0f, f(g, -0.0f));
    EXPECT_TRUE(std::signbit(f(g, -0.0f))) << static_cast<int>(g);
  }
}

TEST(Math, Pow) {
  double worst = 0;
  uint32_t state = 12345;
  const auto next = [&] { return state = state * 1664525 + 1013904223; };
  for (uint32_t i = 0; i < (kStep > 100000 ? 2000 : 200000); ++i) {
    const float x =
        i % 2 != 0 ? static_cast<float>(next() >> 8) / 65536.0f : __builtin_bit_cast(float, next() ^ i);
    float y = static_cast<float>(static_cast<int>(next() >> 8) - (1 << 23)) / 1e6f;
    if (i % 5 == 0) y = std::rint(y);
    const float p = static_cast<float>(math::pow(static_cast<double>(x), static_cast<double>(y)));
    const Real exact = std::pow(static_cast<Real>(x), static_cast<Real>(y));
    const float rounded = static_cast<float>(exact);
    if (std::isnan(rounded))
      ASSERT_TRUE(std::isnan(p)) << x << "^" << y;
    else if (std::isinf(rounded))
      ASSERT_EQ(rounded, p) << x << "^" << y;
    else
      worst = std::max(worst, ulps(exact, p));
  }
  std::printf("pow          %.6f ulp\n", worst);
  EXPECT_LE(worst, 1.0);

  const float inf = INFINITY;
  const float values[] = {0.0f,  -0.0f, 1.0f, -1.0f, 2.0f,  -2.0f,  3.0f,        -3.0f,       0.5f,
                          -0.5f, inf,   -inf, NAN,   1e30f, -1e30f, 16777217.0f, 16777215.0f, -8388607.0f};
  for (const float x : values)
    for (const float y : values) {
      const float p = static_cast<float>(math::pow(static_cast<double>(x), static_cast<double>(y)));
      const float e = static_cast<float>(std::pow(static_cast<double>(x), static_cast<double>(y)));
      EXPECT_EQ(std::isnan(e), std::isnan(p)) << x << "^" << y;
      if (std::isnan(e)) continue;
      EXPECT_EQ(e, p) << x << "^" << y;
      EXPECT_EQ(std::signbit(e), std::signbit(p)) << x << "^" << y;
    }
}

TEST(Math, HalfPrecision) {
  for (uint32_t h = 0; h < 65536; ++h) {
    const float f = math::half_to_float(static_cast<uint16_t>(h));
    const int exponent = static_cast<int>(h >> 10 & 31), fraction = static_cast<int>(h & 1023);
    const float value = exponent == 31  ? (fraction != 0 ? NAN : INFINITY)
                        : exponent == 0 ? std::ldexp(static_cast<float>(fraction), -24)
                                        : std::ldexp(static_cast<float>(1024 + fraction), exponent - 25);
    if (std::isnan(value)) {
      ASSERT_TRUE(std::isnan(f));
      ASSERT_EQ(0x7e00, math::float_to_half(f) & 0x7fff);
      continue;
    }
    ASSERT_EQ((h >> 15) != 0 ? -value : value, f);
    ASSERT_EQ(h, math::float_to_half(f));
    // Midpoints to the next larger half go to the even one; a trace more or less decides.
    if (exponent == 31 || h >= 0x8000) continue;
    const double next = exponent == 30 && fraction == 1023
                            ? 65536.0
                            : static_cast<double>(math::half_to_float(static_cast<uint16_t>(h + 1)));
    const double middle = (static_cast<double>(f) + next) / 2;
    ASSERT_EQ(h + (h & 1), math::double_to_half(middle));
    ASSERT_EQ(h, math::double_to_half(std::nextafter(middle, 0.0)));
    ASSERT_EQ(h + 1, math::double_to_half(std::nextafter(middle, 1e9)));
  }
}

}  // namespace
}  // namespace openhb
