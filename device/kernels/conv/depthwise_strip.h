// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/steps/params.h"
#include "device/kernels/kernel.h"

namespace openhb::conv {

// A runner for a validated step with int8 input; null where the CPU's row does not work by strips. macs: the
// step's.
std::unique_ptr<Runner> make_strip_runner(const StepView& view, const DepthwiseParams& p,
                                          const Binding& binding, int64_t macs);

}  // namespace openhb::conv
