// SPDX-License-Identifier: Apache-2.0
// The ONNX file between two stages. It carries everything that the next stage needs: the graph, and in its
// metadata the stage, the configuration so far, placement, ranges and reasons. A conversion in one go
// continues from the bytes that it writes, as one that resumes does: the same results by construction.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "host/compiler/stages.h"
#include "host/config/stage.h"

namespace openhb::compiler {

using config::Stage;

// "original_float" of "<prefix>_original_float_model.onnx"; compile has no such file.
std::string_view file_word(Stage stage);

// Writes the artefact of `stage` from the state and continues the state from it.
void hand_on(Conversion& conversion, Stage stage);

// The state as `stage` left it, from its file; the configuration must say what it said then. Throws
// Error(usage) for a file that no stage wrote, Error(config_bad_value) for another configuration, and what
// importing throws.
Stage resume(Conversion& conversion, const std::string& path);

// The file of a stage without its configuration: the annotated graph, and what the file says of itself.
struct StageFile {
  graph::Graph graph;
  std::map<std::string, std::string> settings;  // key and value of the configuration so far
  std::string method;                           // how ranges were chosen
  std::string calibrated;                       // quantized: hash of the calibrated model behind it
};
// Of calibrate or quantize. `pictures` names the inputs that are pictures; without it the configuration
// tells. Nothing for a file that this stage of hb_mapper did not write, or that has lost its metadata. Throws
// what importing throws, and Error(model_structure) when it was edited so that its integers mean nothing any
// more.
std::optional<StageFile> open_stage(const std::string& path, Stage stage,
                                    const std::optional<std::vector<std::string>>& pictures,
                                    const std::function<void(const std::string&)>& warn);

}  // namespace openhb::compiler
