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

template <int Rows, int Panels>
void tile(const RecurrentProduct& p, int64_t row, int64_t panel) {
  constexpr int kColumns = Panels * 16;
  float sum[Rows][kColumns];
  for (int r = 0; r < Rows; ++r)
    for (int c = 0; c < kColumns; ++c) sum[r][c] = p.start[(row + r) * p.start_pitch + panel * 16 + c];
  const float* x = p.x + row * p.x_pitch;
  const float* w = p.w + panel * p.k * 16;
  for (int64_t k = 0; k < p.k; ++k, w += 16)
    for (int r = 0; r < Rows; ++r) {
      const float left = x[r * p.x_pitch + k];
      for (int b = 0; b < Panels; ++b)
        for (int c = 0; c < 16; ++c)
          sum[r][b * 16 + c] = __builtin_fmaf(left, w[b * p.k * 16 + c], sum[r][b * 16 + c]);
    }
  float* y = p.y + row * p.y_pitch + panel * 16;
  for (int r = 0; r < Rows; ++r)
    for (int c = 0; c < kColumns; ++c) y[r * p.y_pitch + c] = sum[r][c];
}

template <int Rows, int Panels>
void panels(const RecurrentProduct& p, int64_t row) {
  int64_t b = 0;
  for (; b + Panels <= p.panels; b += Panels) tile<Rows, Panels>(p, row, b);
  for (; b < p.panels; ++b) tile<Rows, 1>(p, row, b);
}

void product(const RecurrentProduct& p) {
  int64_t r = 0;
  for (; r + kManyRows <= p.rows; r += kManyRows) panels<kManyRows, kManyPanels>(p, r);
  for (; r < p.rows; ++r) panels<1, kOnePanels>(p, r);
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
