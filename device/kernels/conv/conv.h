// SPDX-License-Identifier: Apache-2.0
// The steps Conv and Depthwise. Semantics and layouts: common/steps/params.h, docs/numerics.md.
#pragma once

#include <memory>

#include "device/kernels/kernel.h"

namespace openhb {

template <>
struct Kernel<ConvParams> {
  static void validate(const StepView& view, const ConvParams& params);
  static Cost cost(const StepView& view, const ConvParams& params);
  static RowUse row_use(const StepView& view, const ConvParams& params);
  static std::unique_ptr<Runner> bind(const StepView& view, const ConvParams& params, const Binding& binding);
};

template <>
struct Kernel<DepthwiseParams> {
  static void validate(const StepView& view, const DepthwiseParams& params);
  static Cost cost(const StepView& view, const DepthwiseParams& params);
  static std::unique_ptr<Runner> bind(const StepView& view, const DepthwiseParams& params,
                                      const Binding& binding);
};

}  // namespace openhb
