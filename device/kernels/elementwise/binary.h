// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "device/kernels/kernel.h"

namespace openhb {

// One of the inputs may be the output's own memory (in place) when it has the output's extents and pitch.
template <>
struct Kernel<BinaryParams> {
  static constexpr uint32_t kInPlace = 3;
  static void validate(const StepView& view, const BinaryParams& params);
  static Cost cost(const StepView& view, const BinaryParams& params);
  static RowUse row_use(const StepView& view, const BinaryParams& params);
  static std::unique_ptr<Runner> bind(const StepView& view, const BinaryParams& params,
                                      const Binding& binding);
};

}  // namespace openhb
