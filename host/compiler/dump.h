// SPDX-License-Identifier: Apache-2.0
// debug_mode: dump_calibration_data.
#pragma once

#include "host/compiler/calibrate.h"
#include "host/compiler/stages.h"

namespace openhb::compiler {

// Writes artefacts calibration_data/<input>/<i>.npy: sample i as the network behind the pre-processing takes
// it, float32 in the input's shape (so after colour conversion, mean and scale). A '/' in an input's name
// becomes '_'. Throws Interrupted after Ctrl-C.
void dump_calibration_data(const Conversion& conversion, const SampleReader& samples);

}  // namespace openhb::compiler
