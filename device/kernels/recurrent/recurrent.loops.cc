// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/recurrent/recurrent_loops.h"

#include "device/kernels/elementwise/loop.h"

namespace openhb::kernels {
namespace {

// Each output is a chain of fma in ascending k; tiles only decide which chains run side by side: as many as
// the registers hold.
#if defined(__AVX512F__)
constexpr int kManyRows = 4, kManyPanels = 4, kOnePanels = 8;
#else
constexpr int kManyRows = 4, kManyPanels = 1, kOnePanels = 4;
#endif

using Panel = Vector<float, 16>;

// sum + left * w, fused.
OPENHB_INLINE void multiply_add(float left, const float* w, Panel& sum) {
  for (int c = 0; c < 16; ++c) sum[c] = __builtin_fmaf(left, w[c], sum[c]);
}

template <int Rows, int Panels>
void tile(const RecurrentProduct& p, int64_t row, int64_t panel) {
  Panel sum[Rows][Panels];
  for (int r = 0; r < Rows; ++r)
    __builtin_memcpy(sum[r], p.start + (row + r) * p.start_pitch + panel * 16, sizeof sum[r]);
  const float* x = p.x + row * p.x_pitch;
  const float* w = p.w + panel * p.k * 16;
  for (int64_t k = 0; k < p.k; ++k, w += 16)
    for (int r = 0; r < Rows; ++r)
      for (int b = 0; b < Panels; ++b) multiply_add(x[r * p.x_pitch + k], w + b * p.k * 16, sum[r][b]);
  for (int r = 0; r < Rows; ++r)
    __builtin_memcpy(p.y + (row + r) * p.y_pitch + panel * 16, sum[r], sizeof sum[r]);
}

// As many panels at a time as registers hold, then fewer.
template <int Rows, int Panels>
void panels(const RecurrentProduct& p, int64_t row, int64_t first) {
  for (; first + Panels <= p.panels; first += Panels) tile<Rows, Panels>(p, row, first);
  if constexpr (Panels > 1) panels<Rows, Panels / 2>(p, row, first);
}

void product(const RecurrentProduct& p) {
  int64_t r = 0;
  for (; r + kManyRows <= p.rows; r += kManyRows) panels<kManyRows, kManyPanels>(p, r, 0);
  for (; r < p.rows; ++r) panels<1, kOnePanels>(p, r, 0);
}

template <RecurrentActivation F>
void activate(float* x, int64_t n, float alpha, float beta, float clip) {
  OPENHB_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) {
    float v = x[i] < -clip ? -clip : x[i];
    v = v > clip ? clip : v;
    x[i] = math::recurrent_activation<F>(v, alpha, beta);
  }
}

void multiply_add(const float* a, const float* b, float* y, int64_t n) {
  OPENHB_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) y[i] = __builtin_fmaf(a[i], b[i], y[i]);
}

void multiply(const float* a, const float* b, float* y, int64_t n) {
  OPENHB_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) y[i] = a[i] * b[i];
}

void complement(const float* x, float* y, int64_t n) {
  OPENHB_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) y[i] = 1.0f - x[i];
}

void mix(const float* f, float* c, const float* in, const float* g, int64_t n) {
  OPENHB_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) c[i] = __builtin_fmaf(f[i], c[i], in[i] * g[i]);
}

template <int... I>
constexpr RecurrentLoops make_loops(std::integer_sequence<int, I...>) {
  return {product, {activate<static_cast<RecurrentActivation>(I)>...}, multiply_add, multiply, complement,
          mix};
}

}  // namespace

namespace OPENHB_ISA {
extern const RecurrentLoops kRecurrentLoops;
constinit const RecurrentLoops kRecurrentLoops =
    make_loops(std::make_integer_sequence<int, math::kRecurrentActivations>());
}  // namespace OPENHB_ISA

}  // namespace openhb::kernels
