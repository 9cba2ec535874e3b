// SPDX-License-Identifier: Apache-2.0
// Steps that sample or pool at computed positions, and determinants.
#pragma once

#include "device/kernels/kernel.h"

namespace openhb {

template <>
struct Kernel<ResampleParams> {
  static void validate(const StepView& view, const ResampleParams& params);
  static Cost cost(const StepView& view, const ResampleParams& params);
  static std::unique_ptr<Runner> bind(const StepView& view, const ResampleParams& params,
                                      const Binding& binding);
};

template <>
struct Kernel<GridSampleParams> {
  static void validate(const StepView& view, const GridSampleParams& params);
  static Cost cost(const StepView& view, const GridSampleParams& params);
  static std::unique_ptr<Runner> bind(const StepView& view, const GridSampleParams& params,
                                      const Binding& binding);
};

template <>
struct Kernel<RoiParams> {
  static void validate(const StepView& view, const RoiParams& params);
  static Cost cost(const StepView& view, const RoiParams& params);
  static std::unique_ptr<Runner> bind(const StepView& view, const RoiParams& params, const Binding& binding);
};

template <>
struct Kernel<WindowPoolParams> {
  static void validate(const StepView& view, const WindowPoolParams& params);
  static Cost cost(const StepView& view, const WindowPoolParams& params);
  static std::unique_ptr<Runner> bind(const StepView& view, const WindowPoolParams& params,
                                      const Binding& binding);
};

template <>
struct Kernel<DeformSampleParams> {
  static void validate(const StepView& view, const DeformSampleParams& params);
  static Cost cost(const StepView& view, const DeformSampleParams& params);
  static std::unique_ptr<Runner> bind(const StepView& view, const DeformSampleParams& params,
                                      const Binding& binding);
};

template <>
struct Kernel<DetParams> {
  static void validate(const StepView& view, const DetParams& params);
  static Cost cost(const StepView& view, const DetParams& params);
  static std::unique_ptr<Runner> bind(const StepView& view, const DetParams& params, const Binding& binding);
};

}  // namespace openhb
