// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "device/kernels/kernel.h"

namespace openhb {

template <>
struct Kernel<MatMulParams> {
  static void validate(const StepView& view, const MatMulParams& params);
  static Cost cost(const StepView& view, const MatMulParams& params);
  static RowUse row_use(const StepView& view, const MatMulParams& params);
  static std::unique_ptr<Runner> bind(const StepView& view, const MatMulParams& params,
                                      const Binding& binding);
};

}  // namespace openhb
