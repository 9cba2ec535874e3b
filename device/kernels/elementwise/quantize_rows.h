// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "device/kernels/elementwise/isa_rows.h"
#include "device/kernels/elementwise/quantize_loops.h"

namespace openhb::kernels {
OPENHB_LOOP_ROWS(QuantizeLoops, kQuantizeLoops)
}  // namespace openhb::kernels
