// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "device/kernels/kernel.h"

namespace openhb {

// In place when the pitches are equal.
template <>
struct Kernel<SoftmaxParams> {
  static void validate(const StepView& view, const SoftmaxParams& params);
  static Cost cost(const StepView& view, const SoftmaxParams& params);
  static RowUse row_use(const StepView& view, const SoftmaxParams& params);
  static std::unique_ptr<Runner> bind(const StepView& view, const SoftmaxParams& params,
                                      const Binding& binding);
};

}  // namespace openhb
