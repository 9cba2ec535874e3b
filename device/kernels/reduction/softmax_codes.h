// SPDX-License-Identifier: Apache-2.0
// Softmax of int8 codes. Internal to Softmax.
#pragma once

#include "device/kernels/kernel.h"

namespace openhb::kernels {

std::unique_ptr<Runner> bind_softmax_of_codes(const StepView& view, const SoftmaxParams& params,
                                              const Binding& binding);

}  // namespace openhb::kernels
