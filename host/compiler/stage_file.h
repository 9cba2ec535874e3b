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

// A quantized model without its configuration: the annotated graph, and what was configured for it.
// `pictures` names the inputs that are pictures.
struct QuantizedFile {
  graph::Graph graph;
  std::map<std::string, std::string> settings;  // key and value of the configuration
};
// Nothing for a file that is no quantized model of hb_mapper, or has lost its metadata. Throws what importing
// throws, and Error(model_structure) when it was edited so that its integers mean nothing any more.
std::optional<QuantizedFile> open_quantized(const std::string& path, const std::vector<std::string>& pictures,
                                            const std::function<void(const std::string&)>& warn);

}  // namespace openhb::compiler
