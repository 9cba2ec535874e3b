// SPDX-License-Identifier: Apache-2.0
// Steps that move elements to or from computed positions.
#pragma once

#include "device/kernels/kernel.h"

namespace openhb {

template <>
struct Kernel<GatherElementsParams> {
  static void validate(const StepView& view, const GatherElementsParams& params);
  static Cost cost(const StepView& view, const GatherElementsParams& params);
  static std::unique_ptr<Runner> bind(const StepView& view, const GatherElementsParams& params,
                                      const Binding& binding);
};

template <>
struct Kernel<GatherNdParams> {
  static void validate(const StepView& view, const GatherNdParams& params);
  static Cost cost(const StepView& view, const GatherNdParams& params);
  static std::unique_ptr<Runner> bind(const StepView& view, const GatherNdParams& params,
                                      const Binding& binding);
};

template <>
struct Kernel<ScatterElementsParams> {
  static void validate(const StepView& view, const ScatterElementsParams& params);
  static Cost cost(const StepView& view, const ScatterElementsParams& params);
  static std::unique_ptr<Runner> bind(const StepView& view, const ScatterElementsParams& params,
                                      const Binding& binding);
};

template <>
struct Kernel<ScatterNdParams> {
  static void validate(const StepView& view, const ScatterNdParams& params);
  static Cost cost(const StepView& view, const ScatterNdParams& params);
  static std::unique_ptr<Runner> bind(const StepView& view, const ScatterNdParams& params,
                                      const Binding& binding);
};

template <>
struct Kernel<TopKParams> {
  static void validate(const StepView& view, const TopKParams& params);
  static Cost cost(const StepView& view, const TopKParams& params);
  static std::unique_ptr<Runner> bind(const StepView& view, const TopKParams& params, const Binding& binding);
};

template <>
struct Kernel<NonMaxSuppressionParams> {
  static void validate(const StepView& view, const NonMaxSuppressionParams& params);
  static Cost cost(const StepView& view, const NonMaxSuppressionParams& params);
  static std::unique_ptr<Runner> bind(const StepView& view, const NonMaxSuppressionParams& params,
                                      const Binding& binding);
};

template <>
struct Kernel<ReverseSequenceParams> {
  static void validate(const StepView& view, const ReverseSequenceParams& params);
  static Cost cost(const StepView& view, const ReverseSequenceParams& params);
  static std::unique_ptr<Runner> bind(const StepView& view, const ReverseSequenceParams& params,
                                      const Binding& binding);
};

}  // namespace openhb
