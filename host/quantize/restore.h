// SPDX-License-Identifier: Apache-2.0
// Annotated graphs again, from the calibrated and the quantized model that were written of them (qdq.h) and
// the notes that these carry. What the files say counts, also where somebody edited them; nodes that cannot
// run in integers any more become float, with the reason.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "host/graph/graph.h"
#include "host/quantize/notes.h"

namespace openhb::quantize {

using Warn = std::function<void(const std::string& sentence)>;

// Turns the HzCalibration nodes of an imported calibrated model into annotations. An edited scale, zero
// point, threshold or qtype counts; where the node was taken away, what read the value behind it becomes
// float. Throws Error(model_structure, model_bad_value) for nodes that mean nothing.
void restore_calibrated(graph::Graph& graph, const Notes& notes, const std::vector<std::string>& pictures,
                        const Warn& warn);

// The annotated graph behind an imported quantized model. Constants are what their codes stand for. Edited
// numbers count; throws Error(model_structure) for other operators than those that were written.
graph::Graph restore_quantized(const graph::Graph& file, const Notes& notes,
                               const std::vector<std::string>& pictures, const Warn& warn);

// ---- what both share ----

// Parameters and ranges by the name of the value.
struct Stored {
  LoadedParams params;
  std::map<std::string, std::pair<float, float>> ranges;
};

// Node::int8 and Node::reason as the notes say.
void place_nodes(graph::Graph& graph, const Notes& notes);
// Everything else, from `stored`; warns of nodes that have to become float.
void annotate(graph::Graph& graph, const Notes& notes, Stored stored, const Warn& warn);

}  // namespace openhb::quantize
