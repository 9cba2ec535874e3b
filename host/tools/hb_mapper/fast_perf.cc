// SPDX-License-Identifier: Apache-2.0
#include "host/tools/hb_mapper/fast_perf.h"

#include <filesystem>

#include "host/compiler/convert.h"
#include "host/compiler/surgery.h"
#include "host/config/removable.h"
#include "host/frontend/model.h"
#include "host/ops/operator.h"
#include "host/tools/hb_mapper/shapes.h"

namespace openhb::tools {

config::Config fast_perf_config(const MakertbinOptions& options) {
  config::Config config;
  const bool caffe = options.model_type == "caffe";
  if (options.model.empty())
    fail(ErrorCode::usage, "--fast-perf needs the model: --model FILE{}", caffe ? " --proto FILE" : "");
  if (caffe != !options.proto.empty())
    fail(ErrorCode::usage, "--proto {}",
         caffe ? "is missing: the .prototxt of the Caffe model"
               : "belongs to --model-type caffe; an ONNX model is one file (--model)");
  (caffe ? config.caffe_model : config.onnx_model) = options.model;
  config.prototxt = options.proto;
  config.march = options.march;
  config.prefix = std::filesystem::path(options.model).stem().string();
  config.calibration = config::CalibrationType::skip;
  config.optimize_level = "O3";
  for (const auto& [word, op] : config::kRemovable) config.remove_node_types.emplace_back(word);

  frontend::ModelSource source{config.onnx_model, config.prototxt, config.caffe_model, {}};
  source.input_shapes = shapes_by_name(options.input_shapes);
  graph::Graph graph = frontend::import_model(source);
  for (const graph::Value* v : graph.inputs) {
    config::InputConfig input;  // a featuremap as it is
    input.name = v->name;
    input.shape = v->shape;
    config.inputs.push_back(input);
  }
  compiler::remove_nodes(graph, config.remove_node_types, {});
  ops::infer_shapes(graph);
  compiler::optimize(graph);
  for (const auto& node : graph.nodes())
    if (ops::op_of(*node, graph.opset).quant(*node).kind != ops::QuantKind::none)
      config.run_on_bpu.push_back(node->name);
  return config;
}

}  // namespace openhb::tools
