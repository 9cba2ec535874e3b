// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "device/kernels/kernel.h"

namespace openhb {

template <>
struct Kernel<QuantizeParams> {
  static constexpr uint32_t kInPlace = 1;
  static void validate(const StepView& view, const QuantizeParams& params);
  static Cost cost(const StepView& view, const QuantizeParams& params);
  static RowUse row_use(const StepView& view, const QuantizeParams& params);
  static std::unique_ptr<Runner> bind(const StepView& view, const QuantizeParams& params,
                                      const Binding& binding);
};

template <>
struct Kernel<DequantizeParams> {
  static constexpr uint32_t kInPlace = 1;
  static void validate(const StepView& view, const DequantizeParams& params);
  static Cost cost(const StepView& view, const DequantizeParams& params);
  static RowUse row_use(const StepView& view, const DequantizeParams& params);
  static std::unique_ptr<Runner> bind(const StepView& view, const DequantizeParams& params,
                                      const Binding& binding);
};

}  // namespace openhb
