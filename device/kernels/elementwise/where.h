// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "device/kernels/kernel.h"

namespace openhb {

template <>
struct Kernel<WhereParams> {
  static void validate(const StepView& view, const WhereParams& params);
  static Cost cost(const StepView& view, const WhereParams& params);
  static RowUse row_use(const StepView& view, const WhereParams& params);
  static std::unique_ptr<Runner> bind(const StepView& view, const WhereParams& params,
                                      const Binding& binding);
};

}  // namespace openhb
