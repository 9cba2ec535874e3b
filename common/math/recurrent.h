// SPDX-License-Identifier: Apache-2.0
// The functions of recurrent cells, as the Recurrent step computes them. Internal linkage, as functions.h.
#pragma once

#include "common/math/functions.h"

namespace openhb::math {

inline constexpr int kRecurrentActivations = static_cast<int>(RecurrentActivation::softplus) + 1;

template <RecurrentActivation F>
static inline float recurrent_activation(float x, float alpha, float beta) {
  using enum RecurrentActivation;
  (void)alpha, (void)beta;
  if constexpr (F == RecurrentActivation::sigmoid) return unary_f32<UnaryFunction::sigmoid>(x, 0, 0);
  if constexpr (F == RecurrentActivation::tanh) return unary_f32<UnaryFunction::tanh>(x, 0, 0);
  if constexpr (F == relu) return x < 0.0f ? 0.0f : x;
  if constexpr (F == affine) return __builtin_fmaf(alpha, x, beta);
  if constexpr (F == RecurrentActivation::leaky_relu)
    return unary_f32<UnaryFunction::leaky_relu>(x, alpha, 0);
  if constexpr (F == thresholded_relu) return x <= alpha ? 0.0f : x;
  // The inner product of two floats is exact in binary64.
  if constexpr (F == scaled_tanh)
    return static_cast<float>(static_cast<double>(alpha) *
                              math::tanh(static_cast<double>(beta) * static_cast<double>(x)));
  if constexpr (F == RecurrentActivation::hard_sigmoid)
    return unary_f32<UnaryFunction::hard_sigmoid>(x, alpha, beta);
  if constexpr (F == RecurrentActivation::elu) return unary_f32<UnaryFunction::elu>(x, alpha, 0);
  if constexpr (F == softsign)
    return static_cast<float>(static_cast<double>(x) / (1.0 + magnitude(static_cast<double>(x))));
  if constexpr (F == RecurrentActivation::softplus) return unary_f32<UnaryFunction::softplus>(x, 0, 0);
}

}  // namespace openhb::math
