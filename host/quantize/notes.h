// SPDX-License-Identifier: Apache-2.0
// What is known of an annotated graph beyond ONNX's words: where nodes run and why, and the ranges behind
// scales. Calibrated and quantized models carry it in their metadata, as JSON.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "host/graph/graph.h"
#include "host/quantize/load.h"

namespace openhb::quantize {

struct NodeNote {
  std::string name = {}, op = {}, domain = {};
  bool int8 = false;
  std::string reason = {};                // why it is not
  std::vector<std::string> outputs = {};  // names in the graph
  std::map<std::string, graph::Attribute> attributes =
      {};  // numbers, of operators that the file writes in parts
};

// The range that calibration chose for a value, and the parameters that followed from it: as long as these
// stand in the file, the range holds.
struct RangeNote {
  float lo = 0, hi = 0, scale = 0;
  int32_t zero_point = 0;
  bool int16 = false;
};

struct Notes {
  std::vector<NodeNote> nodes;              // in the order of the graph
  std::map<std::string, RangeNote> ranges;  // by name of the value
};

Notes notes_of(const graph::Graph& graph);
std::string notes_to_json(const Notes& notes);
// Throws Error(model_structure): the text comes from a file. `origin` names it.
Notes notes_from_json(std::string_view json, const std::string& origin);

// The same for the parameters that a model of calibration_type load brought along.
std::string params_to_json(const LoadedParams& params);
LoadedParams params_from_json(std::string_view json, const std::string& origin);

}  // namespace openhb::quantize
