// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/reduction/matmul_loops.h"

namespace openhb::kernels {
namespace {

template <class T>
void block_of(const MatMulBlockOf<T>& p) {
  constexpr int64_t kColumns = 16;
  for (int64_t r = 0; r < p.m; ++r)
    for (int64_t first = 0; first < p.n; first += kColumns) {
      const int64_t n = p.n - first < kColumns ? p.n - first : kColumns;
      T sum[kColumns] = {};
      for (int64_t k = 0; k < p.k; ++k) {
        const T left = p.a[r * p.a_pitch + k];
        const T* b = p.b + k * p.b_pitch + first;
        for (int64_t c = 0; c < n; ++c) sum[c] += left * b[c];
      }
      for (int64_t c = 0; c < n; ++c) p.y[r * p.y_pitch + first + c] = sum[c];
    }
}

}  // namespace

namespace OPENHB_ISA {
extern const MatMulIntegerLoops kMatMulIntegerLoops;
const MatMulIntegerLoops kMatMulIntegerLoops = {block_of<uint32_t>, block_of<uint64_t>};
}  // namespace OPENHB_ISA

}  // namespace openhb::kernels
