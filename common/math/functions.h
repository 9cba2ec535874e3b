// SPDX-License-Identifier: Apache-2.0
// The functions of the Unary step. In binary64 they serve the compiler's tables; rounded once to float they
// are the definition of the step.
#pragma once

#include <utility>

#include "common/math/elementary.h"
#include "common/math/hyperbolic.h"
#include "common/math/trigonometry.h"
#include "common/steps/params.h"

namespace openhb::math {

inline constexpr int kUnaryFunctions = static_cast<int>(UnaryFunction::swish) + 1;

// The bounds keep a NaN argument; lo > hi gives hi or lo, never a surprise outside both.
static inline double clip(double x, double lo, double hi) {
  x = x < lo ? lo : x;
  return x > hi ? hi : x;
}

// g(x) for the value x of a float; alpha and beta as in UnaryParams.
template <UnaryFunction F>
static inline double unary(double x, double alpha, double beta) {
  using enum UnaryFunction;
  (void)alpha, (void)beta;
  if constexpr (F == UnaryFunction::clip) return math::clip(x, alpha, beta);
  if constexpr (F == leaky_relu) return x >= 0.0 ? x : alpha * x;
  if constexpr (F == UnaryFunction::sigmoid) return math::sigmoid(x);
  if constexpr (F == UnaryFunction::tanh) return math::tanh(x);
  if constexpr (F == UnaryFunction::exp) return math::exp(x);
  if constexpr (F == UnaryFunction::log) return math::log(x);
  if constexpr (F == sqrt) return __builtin_sqrt(x);
  if constexpr (F == reciprocal) return 1.0 / x;
  if constexpr (F == neg) return -x;
  if constexpr (F == abs) return magnitude(x);
  if constexpr (F == floor) return __builtin_floor(x);
  if constexpr (F == ceil) return __builtin_ceil(x);
  if constexpr (F == round) return __builtin_rint(x);
  if constexpr (F == sign) return x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : x == 0.0 ? 0.0 : x;
  if constexpr (F == UnaryFunction::erf) return math::erf(x);
  if constexpr (F == elu) return x < 0.0 ? alpha * expm1(x) : x;
  if constexpr (F == hard_sigmoid) return math::clip(__builtin_fma(alpha, x, beta), 0.0, 1.0);
  if constexpr (F == hard_swish) return x * math::clip(x / 6.0 + 0.5, 0.0, 1.0);
  if constexpr (F == softplus) return (x > 0.0 ? x : 0.0) + log1p(math::exp(-magnitude(x)));
  if constexpr (F == mish) {
    // tanh(log(1+e)) = e(e+2) / (e(e+2) + 2); below -200 the result is -0 in float, above 40 the factor is 1.
    const double v = x < -200.0 ? -200.0 : x;
    const double e = math::exp(v > 40.0 ? 40.0 : v);
    const double n = e * (e + 2.0);
    return v * (n / (n + 2.0));
  }
  if constexpr (F == gelu) {
    const double v = x < -16.0 ? -16.0 : x;  // -0 in float from -14.2 on
    return v * normal_cdf(v);
  }
  if constexpr (F == UnaryFunction::sin) return math::sin(x);
  if constexpr (F == UnaryFunction::cos) return math::cos(x);
  if constexpr (F == square) return x * x;
  if constexpr (F == UnaryFunction::acos) return math::acos(x);
  if constexpr (F == UnaryFunction::acosh) return math::acosh(x);
  if constexpr (F == UnaryFunction::asin) return math::asin(x);
  if constexpr (F == UnaryFunction::asinh) return math::asinh(x);
  if constexpr (F == UnaryFunction::atan) return math::atan(x);
  if constexpr (F == UnaryFunction::atanh) return math::atanh(x);
  if constexpr (F == UnaryFunction::cosh) return math::cosh(x);
  if constexpr (F == UnaryFunction::sinh) return math::sinh(x);
  if constexpr (F == UnaryFunction::tan) return math::tan(x);
  if constexpr (F == celu) {
    const double y = alpha * expm1(x / alpha);
    return (x > 0.0 ? x : 0.0) + (y > 0.0 ? 0.0 : y);
  }
  if constexpr (F == selu) return beta * (x > 0.0 ? x : alpha * expm1(x));
  if constexpr (F == softsign) {
    const double a = magnitude(x);
    return a == kInf ? with_sign(1.0, x) : x / (1.0 + a);
  }
  if constexpr (F == shrink) return x < -alpha ? x + beta : x > alpha ? x - beta : 0.0;
  if constexpr (F == thresholded_relu) return x > alpha ? x : 0.0;
  if constexpr (F == gelu_tanh) {
    // (1 + tanh(z))/2 = sigmoid(2z); -0 in float from -16 on.
    const double v = x < -16.0 ? -16.0 : x;
    constexpr double kSqrt2OverPi = 0x1.9884533d43651p-1;
    return v * math::sigmoid(2.0 * kSqrt2OverPi * (v * __builtin_fma(0.044715 * v, v, 1.0)));
  }
  if constexpr (F == swish) {
    // Beyond these bounds float has 0 or infinity, as in the limit.
    const double v = math::clip(x, -1e100, 1e100);
    return v * math::sigmoid(alpha * v);
  }
}

// The step's result for one element: unary() rounded once. Functions that float arithmetic rounds the same
// way (one exact or correctly rounded operation) are computed in float.
template <UnaryFunction F>
static inline float unary_f32(float x, float alpha, float beta) {
  using enum UnaryFunction;
  (void)alpha, (void)beta;
  if constexpr (F == UnaryFunction::clip) {
    x = x < alpha ? alpha : x;
    return x > beta ? beta : x;
  } else if constexpr (F == leaky_relu) {
    return x >= 0.0f ? x : alpha * x;
  } else if constexpr (F == sqrt) {
    return __builtin_sqrtf(x);
  } else if constexpr (F == reciprocal) {
    return 1.0f / x;
  } else if constexpr (F == neg) {
    return -x;
  } else if constexpr (F == abs) {
    return __builtin_fabsf(x);
  } else if constexpr (F == floor) {
    return __builtin_floorf(x);
  } else if constexpr (F == ceil) {
    return __builtin_ceilf(x);
  } else if constexpr (F == round) {
    return __builtin_rintf(x);
  } else if constexpr (F == square) {
    return x * x;
  } else if constexpr (F == shrink) {
    return x < -alpha ? x + beta : x > alpha ? x - beta : 0.0f;
  } else if constexpr (F == thresholded_relu) {
    return x > alpha ? x : 0.0f;
  } else {
    return static_cast<float>(
        unary<F>(static_cast<double>(x), static_cast<double>(alpha), static_cast<double>(beta)));
  }
}

template <int... I>
static inline double evaluate_unary_of(int f, double x, double alpha, double beta,
                                       std::integer_sequence<int, I...>) {
  using Fn = double (*)(double, double, double);
  constexpr Fn kTable[] = {unary<static_cast<UnaryFunction>(I)>...};
  return kTable[f](x, alpha, beta);
}
template <int... I>
static inline float evaluate_unary_f32_of(int f, float x, float alpha, float beta,
                                          std::integer_sequence<int, I...>) {
  using Fn = float (*)(float, float, float);
  constexpr Fn kTable[] = {unary_f32<static_cast<UnaryFunction>(I)>...};
  return kTable[f](x, alpha, beta);
}

// g(x) in binary64, relative error below 2^-44; x must be the value of a float (from 0x1p-149 to FLT_MAX).
static inline double evaluate_unary(UnaryFunction f, double x, double alpha, double beta) {
  return evaluate_unary_of(static_cast<int>(f), x, alpha, beta,
                           std::make_integer_sequence<int, kUnaryFunctions>());
}
// Exactly what the Unary step computes for one element.
static inline float evaluate_unary_f32(UnaryFunction f, float x, float alpha, float beta) {
  return evaluate_unary_f32_of(static_cast<int>(f), x, alpha, beta,
                               std::make_integer_sequence<int, kUnaryFunctions>());
}

}  // namespace openhb::math
