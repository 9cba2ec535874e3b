// SPDX-License-Identifier: Apache-2.0
// Inner loop of Lut.
#pragma once

#include <cstdint>

#include "device/kernels/elementwise/plane.h"

namespace openhb::kernels {

struct LutLoops {
  // y[i] = table[x[i] + 128] for the elements i of a plane; x may be y.
  void (*look_up)(const int8_t* x, int8_t* y, const Plane<2>& plane, const int8_t* table);
};

}  // namespace openhb::kernels
