// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "device/kernels/kernel.h"

namespace openhb {

// The output may be the input's own memory (in place) when their pitches are equal.
template <>
struct Kernel<UnaryParams> {
  static constexpr uint32_t kInPlace = 1;
  static void validate(const StepView& view, const UnaryParams& params);
  static Cost cost(const StepView& view, const UnaryParams& params);
  static RowUse row_use(const StepView& view, const UnaryParams& params);
  static std::unique_ptr<Runner> bind(const StepView& view, const UnaryParams& params,
                                      const Binding& binding);
};

}  // namespace openhb
