// SPDX-License-Identifier: Apache-2.0
// Inner loops of Recurrent.
#pragma once

#include <cstdint>

#include "common/math/recurrent.h"

namespace openhb::kernels {

// y[r][j] = start[r][j] + sum over k of x[r][k] * w[j / 16][k][j % 16] for `panels` * 16 outputs j; pitches
// in floats, a start pitch of 0 repeats one row.
struct RecurrentProduct {
  const float *start, *x, *w;
  float* y;
  int64_t rows, k, panels, start_pitch, x_pitch, y_pitch;
};

struct RecurrentLoops {
  void (*product)(const RecurrentProduct& p);
  // x[i] = g(x[i] bounded to [-clip, clip]).
  void (*activate[math::kRecurrentActivations])(float* x, int64_t n, float alpha, float beta, float clip);
  // y[i] = fma(a[i], b[i], y[i]).
  void (*multiply_add)(const float* a, const float* b, float* y, int64_t n);
  // y[i] = a[i] * b[i].
  void (*multiply)(const float* a, const float* b, float* y, int64_t n);
  // y[i] = 1 - x[i].
  void (*complement)(const float* x, float* y, int64_t n);
  // c[i] = fma(f[i], c[i], i[i] * g[i]).
  void (*mix)(const float* f, float* c, const float* i, const float* g, int64_t n);
};

}  // namespace openhb::kernels
