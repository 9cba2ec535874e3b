// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "device/kernels/kernel.h"

namespace openhb {

// In place when the output is int8 and the pitches are equal.
template <>
struct Kernel<ImageParams> {
  static void validate(const StepView& view, const ImageParams& params);
  static Cost cost(const StepView& view, const ImageParams& params);
  static std::unique_ptr<Runner> bind(const StepView& view, const ImageParams& params,
                                      const Binding& binding);
};

}  // namespace openhb
