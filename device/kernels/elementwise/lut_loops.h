// SPDX-License-Identifier: Apache-2.0
// Inner loop of Lut.
#pragma once

#include <cstdint>

namespace openhb::kernels {

struct LutLoops {
  // y[i] = table[x[i] + 128] for i < n; x may be y.
  void (*row)(const int8_t* x, int8_t* y, int64_t n, const int8_t* table);
};

}  // namespace openhb::kernels
