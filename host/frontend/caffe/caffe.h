// SPDX-License-Identifier: Apache-2.0
// Caffe networks (prototxt and caffemodel) to graphs of ONNX operators: docs/caffe.md.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "host/graph/graph.h"

namespace openhb::caffe_frontend {

struct ImportOptions {
  std::map<std::string, Shape> input_shapes;  // overrides, by name ("": the only input)
  // Told what was left out or assumed: training layers, inputs that nobody reads...
  std::function<void(const std::string& sentence)> notice = [](const std::string&) {};
};

// The network as Caffe runs it in its test phase. Nodes have the layers' names: a layer that becomes several
// nodes gives its name to the last one. Tensors have the blobs' names: of several layers that write a blob in
// place, the last one's result has it, except that an input of the network keeps its name. All shapes are
// set. Operators are those of opset 21, and of the domain "horizon" where ONNX has none.
// Throws Error (file_*, model_*) naming the file and its line, or the layer.
graph::Graph import_caffe(const std::string& prototxt, const std::string& caffemodel,
                          const ImportOptions& options = {});
// The same from memory; messages name the two `net.prototxt` and `net.caffemodel`.
graph::Graph import_caffe_bytes(std::string_view prototxt, std::string_view caffemodel,
                                const ImportOptions& options = {});

}  // namespace openhb::caffe_frontend
