// SPDX-License-Identifier: Apache-2.0
// A calibration with what surrounds it: the plan of its memory, and its checkpoint.
#pragma once

#include <string>

#include "host/compiler/calibrate.h"
#include "host/compiler/stages.h"

namespace openhb::compiler {

// Looks at the samples first: findings go to the log and to report.lint; Error(data_*) when samples cannot be
// used.
void lint_samples(Conversion& conversion);

// Annotates the conversion's graph and returns the method's name for the log. Prints the predicted peak of
// memory first; Error(resources) when config.memory_limit is less.
std::string run_calibration(Conversion& conversion, const SampleReader& samples);

}  // namespace openhb::compiler
