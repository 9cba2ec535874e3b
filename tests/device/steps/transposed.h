// SPDX-License-Identifier: Apache-2.0
// The second operand of a MatMul as it may be stored.
#pragma once

#include <numeric>

#include "common/steps/params.h"
#include "tests/device/steps/harness.h"

namespace openhb::test {

// Adds b [..., K, N] to the case, half of the time stored as [..., N, K].
inline void input_b(StepCase<MatMulParams>& c, const Tensor& b, const QuantParams& quant, int64_t gap) {
  if (chance(50)) return c.input(b, quant, gap);
  Shape stored = b.shape();
  const size_t rank = stored.size();
  std::swap(stored[rank - 1], stored[rank - 2]);
  Tensor turned(b.dtype(), stored);
  const size_t size = dtype_size(b.dtype());
  for_each_index(stored, [&](Shape i) {
    const size_t to = flat(stored, i);
    std::swap(i[rank - 1], i[rank - 2]);
    std::memcpy(turned.bytes().data() + to * size, b.bytes().data() + flat(b.shape(), i) * size, size);
  });
  c.input(turned, quant, gap);
  TensorDesc& t = c.in(1);
  t.order.resize(rank);
  std::iota(t.order.begin(), t.order.end(), uint8_t{0});
  std::swap(t.order[rank - 1], t.order[rank - 2]);
}

}  // namespace openhb::test
