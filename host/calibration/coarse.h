// SPDX-License-Identifier: Apache-2.0
// A histogram small enough to look at.
#pragma once

#include "host/calibration/histogram.h"
#include "host/report/conversion.h"

namespace openhb::calibration {

// At most `bins` bins (at least 4) that cover the values, each the sum of whole bins of `fine`, and what the
// range `chosen` clips. Leaves the tensor's name and codes open.
report::TensorHistogram coarse(const Histogram& fine, ClipRange chosen, size_t bins = 256);

}  // namespace openhb::calibration
