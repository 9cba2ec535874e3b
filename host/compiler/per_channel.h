// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "host/compiler/calibrate.h"
#include "host/compiler/stages.h"

namespace openhb::compiler {

// per_channel: looks at the first samples and scales the channels of the graph's tensors (channel_ranges.h).
void apply_per_channel(Conversion& conversion, const SampleReader& samples);

}  // namespace openhb::compiler
