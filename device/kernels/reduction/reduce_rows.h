// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "device/kernels/elementwise/isa_rows.h"
#include "device/kernels/reduction/reduce_loops.h"

namespace openhb::kernels {
OPENHB_LOOP_ROWS(ReduceLoops, kReduceLoops)
}  // namespace openhb::kernels
