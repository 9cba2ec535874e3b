// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "device/kernels/kernel.h"

namespace openhb {

template <>
struct Kernel<DetectionOutputParams> {
  static void validate(const StepView& view, const DetectionOutputParams& params);
  static Cost cost(const StepView& view, const DetectionOutputParams& params);
  static std::unique_ptr<Runner> bind(const StepView& view, const DetectionOutputParams& params,
                                      const Binding& binding);
};

}  // namespace openhb
