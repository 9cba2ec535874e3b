// SPDX-License-Identifier: Apache-2.0
// ONNX files to graphs and back. The only place that knows protobuf.
#pragma once

#include <map>
#include <string>

#include "host/graph/graph.h"

namespace openhb::onnx_frontend {

// What a file says beside its graph (ModelProto.metadata_props).
using Metadata = std::map<std::string, std::string>;

struct ImportOptions {
  // Overrides, by name ("": the only input); they resolve dynamic dimensions.
  std::map<std::string, Shape> input_shapes = {};
  bool allow_nan = false;        // in weights; for files that this compiler wrote: folding may have made them
  Metadata* metadata = nullptr;  // where to put it
};

// Parses, checks the structure, resolves dynamic input dimensions (a leading dynamic dimension becomes 1),
// makes Constant nodes constants, converts float16/double constants to float32, names unnamed nodes, sorts.
// Shapes of inner values are not inferred here (graph/shape_inference does that through the operator table).
// Nodes of other domains are kept (docs/custom-operators.md). Throws Error (file_*, model_*): for an
// unsupported dtype or structure with the node and what to do.
graph::Graph import_onnx(const std::string& path, const ImportOptions& options = {});
graph::Graph import_onnx_bytes(std::string_view bytes, const std::string& origin,
                               const ImportOptions& options = {});

// A file with one serialized TensorProto, as ONNX's test data is kept. float16, bfloat16 and double become
// float32 as in models; NaN is allowed. Throws Error (file_*, model_*).
Tensor import_tensor_file(const std::string& path);

// Writes the model whole or not at all: standard operators, and model-local functions (domain "horizon") for
// the HzPreprocess and HzCalibration nodes in it, so that stock ONNX Runtime loads it; not so with
// DetectionOutput and PSROIPooling, which are operators of that domain without a definition, nor with custom
// operators. Same graph, same bytes.
void export_onnx(const graph::Graph& graph, const std::string& path);
// The bytes of such a file.
std::string serialize_onnx(const graph::Graph& graph, const Metadata& metadata = {});

}  // namespace openhb::onnx_frontend
