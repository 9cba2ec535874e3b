// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/steps/params.h"
#include "device/kernels/kernel.h"

namespace openhb::conv {

// A runner for a validated step with int8 input by the rows that work by strips; null where the CPU's row is
// of the other form. macs: the step's.
std::unique_ptr<Runner> bind_depthwise_rows(const StepView& view, const DepthwiseParams& p,
                                            const Binding& binding, int64_t macs);

}  // namespace openhb::conv
