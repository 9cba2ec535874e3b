// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "device/kernels/kernel.h"

namespace openhb {

template <>
struct Kernel<CopyParams> {
  static void validate(const StepView& view, const CopyParams& params);
  static Cost cost(const StepView& view, const CopyParams& params);
  static std::unique_ptr<Runner> bind(const StepView& view, const CopyParams& params, const Binding& binding);
};

}  // namespace openhb
