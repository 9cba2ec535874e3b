// SPDX-License-Identifier: Apache-2.0
#include "host/frontend/model.h"

#include "host/frontend/caffe/caffe.h"
#include "host/frontend/onnx/onnx.h"

namespace openhb::frontend {

graph::Graph import_model(const ModelSource& source) {
  if (!source.onnx.empty()) return onnx_frontend::import_onnx(source.onnx, {source.input_shapes});
  return caffe_frontend::import_caffe(source.prototxt, source.caffemodel,
                                      {source.input_shapes, source.notice});
}

}  // namespace openhb::frontend
