// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "device/kernels/elementwise/int16_loops.h"
#include "device/kernels/elementwise/isa_rows.h"

namespace openhb::kernels {
OPENHB_LOOP_ROWS(Int16Loops, kInt16Loops)
}  // namespace openhb::kernels
