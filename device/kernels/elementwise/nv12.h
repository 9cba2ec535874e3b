// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "device/kernels/kernel.h"

namespace openhb {

template <>
struct Kernel<Nv12Params> {
  static void validate(const StepView& view, const Nv12Params& params);
  static Cost cost(const StepView& view, const Nv12Params& params);
  static std::unique_ptr<Runner> bind(const StepView& view, const Nv12Params& params, const Binding& binding);
  static RowUse row_use(const StepView& view, const Nv12Params&) { return {.rows = num_rows(view.out())}; }
};

}  // namespace openhb
