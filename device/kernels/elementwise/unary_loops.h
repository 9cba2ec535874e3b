// SPDX-License-Identifier: Apache-2.0
// Inner loops of Unary.
#pragma once

#include <cstdint>

#include "common/math/functions.h"

namespace openhb::kernels {

// y[i] = g(x[i]) for i < n; x may be y.
using UnaryRow = void (*)(const float* x, float* y, int64_t n, float alpha, float beta);

struct UnaryLoops {
  UnaryRow row[math::kUnaryFunctions];
};

}  // namespace openhb::kernels
