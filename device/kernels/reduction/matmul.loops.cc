// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/reduction/matmul_loops.h"

namespace openhb::kernels {
namespace {

// Each element is a chain of fma in ascending k from 0; tiles only decide which chains run side by side. The
// tile is small enough to stay in registers.
#if defined(__AVX512F__)
constexpr int kRows = 4, kColumns = 64;
#else
constexpr int kRows = 4, kColumns = 16;
#endif

template <int Rows, int Columns>
void tile(const MatMulBlock& p, int64_t row, int64_t column) {
  const float* a = p.a + row * p.a_pitch;
  const float* b = p.b + column;
  float sum[Rows][Columns] = {};
  for (int64_t k = 0; k < p.k; ++k, b += p.b_pitch)
    for (int r = 0; r < Rows; ++r) {
      const float left = a[r * p.a_pitch + k];
      for (int c = 0; c < Columns; ++c) sum[r][c] = __builtin_fmaf(left, b[c], sum[r][c]);
    }
  float* y = p.y + row * p.y_pitch + column;
  for (int r = 0; r < Rows; ++r)
    for (int c = 0; c < Columns; ++c) y[r * p.y_pitch + c] = sum[r][c];
}

template <int Rows>
void rows(const MatMulBlock& p, int64_t row) {
  int64_t c = 0;
  for (; c + kColumns <= p.n; c += kColumns) tile<Rows, kColumns>(p, row, c);
  if constexpr (kColumns > 16)
    for (; c + 16 <= p.n; c += 16) tile<Rows, 16>(p, row, c);
  for (; c + 4 <= p.n; c += 4) tile<Rows, 4>(p, row, c);
  for (; c < p.n; ++c) tile<Rows, 1>(p, row, c);
}

void block(const MatMulBlock& p) {
  int64_t r = 0;
  for (; r + kRows <= p.m; r += kRows) rows<kRows>(p, r);
  for (; r < p.m; ++r) rows<1>(p, r);
}

}  // namespace

namespace OPENHB_ISA {
extern const MatMulLoops kMatMulLoops;
const MatMulLoops kMatMulLoops = {block};
}  // namespace OPENHB_ISA

}  // namespace openhb::kernels
