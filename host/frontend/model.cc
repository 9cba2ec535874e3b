// SPDX-License-Identifier: Apache-2.0
#include "host/frontend/model.h"

#include "host/frontend/caffe/caffe.h"
#include "host/frontend/onnx/onnx.h"

namespace openhb::frontend {

graph::Graph import_model(const ModelSource& source) {
  if (!source.onnx.empty()) {
    graph::Graph graph = onnx_frontend::import_onnx(source.onnx, {.input_shapes = source.input_shapes});
    for (const std::string& notice : graph.notices) source.notice(notice);
    return graph;
  }
  return caffe_frontend::import_caffe(source.prototxt, source.caffemodel,
                                      {source.input_shapes, source.notice});
}

}  // namespace openhb::frontend
