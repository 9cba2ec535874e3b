// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "device/kernels/kernel.h"

namespace openhb {

// In place when the pitches are equal.
template <>
struct Kernel<LutParams> {
  static constexpr uint32_t kInPlace = 1;
  static void validate(const StepView& view, const LutParams& params);
  static Cost cost(const StepView& view, const LutParams& params);
  static RowUse row_use(const StepView& view, const LutParams& params);
  static std::unique_ptr<Runner> bind(const StepView& view, const LutParams& params, const Binding& binding);
};

}  // namespace openhb
