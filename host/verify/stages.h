// SPDX-License-Identifier: Apache-2.0
// Where accuracy is lost on the way from the float model to the board.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "host/verify/verification.h"

namespace openhb::verify {

// The ONNX files of the conversion that `quantized` belongs to, beside it: "original_float",
// "optimized_float", "calibrated", "quantized" and the paths. Throws Error(file_missing) naming those that
// are not there.
std::vector<std::pair<std::string, std::string>> stage_files(const std::string& quantized);

// A stage's dump folder of each sample, in the order float, optimized, calibrated, quantized, simulator,
// board; the last ones may be missing. Folders hold all tensors.
struct StageDumps {
  std::string name, side;
  std::vector<std::string> folders;  // one per sample
};

// Called as the work goes on; `total` of a part is what it needs at most.
using StagesProgress = std::function<void(const std::string& part, size_t done, size_t total)>;

// Compares tensors by name across the stages, finds the nodes behind which similarity with float falls, and
// says why and what to try. `quantized` gives nodes, scales and placement. Throws Interrupted soon after
// Ctrl-C.
Stages analyse_stages(const std::vector<StageDumps>& dumps, const std::string& calibrated_file,
                      const std::string& quantized_file, const StagesProgress& progress = {});

// A table of stages and outputs, losses with reasons and advice, and the verdict: for the terminal.
std::string stages_text(const Stages& stages);

}  // namespace openhb::verify
