// SPDX-License-Identifier: Apache-2.0
// A network from files of any format.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "host/graph/graph.h"

namespace openhb::frontend {

struct ModelSource {
  std::string onnx;                           // an ONNX file; empty: a Caffe network
  std::string prototxt, caffemodel;           // of a Caffe network
  std::map<std::string, Shape> input_shapes;  // overrides, by name ("": the only input)
  // Told what was left out or assumed.
  std::function<void(const std::string& sentence)> notice = [](const std::string&) {};
};

// Throws Error (file_*, model_*, config_bad_value) as the importers do.
graph::Graph import_model(const ModelSource& source);

}  // namespace openhb::frontend
