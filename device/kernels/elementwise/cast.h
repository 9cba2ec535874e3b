// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "device/kernels/kernel.h"

namespace openhb {

template <>
struct Kernel<CastParams> {
  static constexpr uint32_t kInPlace = 1;
  static void validate(const StepView& view, const CastParams& params);
  static Cost cost(const StepView& view, const CastParams& params);
  static RowUse row_use(const StepView& view, const CastParams& params);
  static std::unique_ptr<Runner> bind(const StepView& view, const CastParams& params, const Binding& binding);
};

}  // namespace openhb
