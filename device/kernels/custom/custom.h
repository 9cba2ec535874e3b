// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "device/kernels/kernel.h"

namespace openhb {

template <>
struct Kernel<CustomParams> {
  // Throws also Error(plugin_missing) when nobody brings the operator, and Error(plugin_failed).
  static void validate(const StepView& view, const CustomParams& params);
  static Cost cost(const StepView& view, const CustomParams& params);
  static std::unique_ptr<Runner> bind(const StepView& view, const CustomParams& params,
                                      const Binding& binding);
};

}  // namespace openhb
