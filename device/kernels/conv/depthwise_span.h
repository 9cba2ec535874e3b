// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "device/kernels/conv/rows.h"
#include "device/kernels/kernel.h"

namespace openhb::conv {

// A runner of Depthwise by runs of output pixels (span.h); null where the row or the step does not allow it.
template <class T, class B>
std::unique_ptr<Runner> make_span_runner(const StepView& view, const DepthwiseParams& p,
                                         const Binding& binding, int64_t macs);

}  // namespace openhb::conv
