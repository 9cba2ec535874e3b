// SPDX-License-Identifier: Apache-2.0
// One pass over all calibration samples, several at a time.
#pragma once

#include "host/compiler/calibrate.h"
#include "host/compiler/checkpoint.h"

namespace openhb::compiler {

// Samples whose channel means serve bias correction.
inline constexpr size_t kSamplesForMeans = 16;

// Runs the float program on every sample that `checkpoint` does not know yet. The result depends neither on
// the number of workers nor on interruptions. Throws Interrupted after Ctrl-C, with everything that
// was found in the checkpoint.
Statistics collect_statistics(const graph::Graph& graph, const SampleReader& samples, const Plan& plan,
                              Checkpoint& checkpoint, const Reporter& reporter);

}  // namespace openhb::compiler
