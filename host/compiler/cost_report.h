// SPDX-License-Identifier: Apache-2.0
// Estimates as people and tools read them: advice for the log, costs per layer and preemption points for the
// properties of a program (docs/bin-format.md).
#pragma once

#include <string>
#include <vector>

#include "host/compiler/estimate.h"

namespace openhb::compiler {

// One sentence per step that takes, by the estimate, more than `microseconds` longer than its theoretical
// time: by how much, shapes before and after alignment, the share of padding.
std::vector<std::string> advice(const Program& program, const std::vector<StepEstimate>& steps,
                                double microseconds);

// The property "layer_costs", JSON: an array with an object per layer (the steps of one ONNX node) in order
// of execution.
std::string layer_costs(const Program& program, const std::vector<StepEstimate>& steps);

// Steps behind which a runtime may let something else run, such that no stretch between two of them is
// estimated to take longer than `microseconds` unless a single step does.
std::vector<size_t> preemption_points(const std::vector<StepEstimate>& steps, double microseconds);

}  // namespace openhb::compiler
