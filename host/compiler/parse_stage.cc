// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "common/text/text.h"
#include "host/compiler/inputs.h"
#include "host/compiler/stages.h"
#include "host/compiler/surgery.h"
#include "host/frontend/model.h"
#include "host/frontend/onnx/onnx.h"
#include "host/ops/operator.h"
#include "host/passes/preprocess.h"

namespace openhb::compiler {
namespace {

void select_outputs(graph::Graph& graph, const std::vector<std::string>& nodes) {
  if (nodes.empty()) return;
  std::vector<graph::Value*> outputs;
  for (const std::string& name : nodes) {
    const graph::Node* node = graph.find_node(name);
    if (!node) {
      std::vector<std::string> known;
      for (const auto& n : graph.nodes()) known.push_back(n->name);
      fail(ErrorCode::config_bad_value, "output_nodes: node '{}' is not in the model.{}", name,
           suggestion(name, known));
    }
    outputs.insert(outputs.end(), node->outputs.begin(), node->outputs.end());
  }
  graph.outputs = std::move(outputs);
  graph.remove_dead();
}

std::string line_of_inputs(const graph::Graph& graph) {
  std::string text;
  for (const auto* v : graph.inputs)
    text += fmt::format("\n{:<26}{}, [{}]", "Input name:", v->name, fmt::join(v->shape, ", "));
  for (const auto* v : graph.outputs)
    text += fmt::format("\n{:<26}{}, [{}]", "Output name:", v->name, fmt::join(v->shape, ", "));
  return text;
}

graph::Graph read_model(const config::Config& config, const Reporter& reporter) {
  frontend::ModelSource source{config.onnx_model, config.prototxt, config.caffe_model, {}, reporter.warn};
  for (const auto& input : config.inputs)
    if (input.shape) source.input_shapes[input.name] = *input.shape;
  return frontend::import_model(source);
}

}  // namespace

void parse(Conversion& c) {
  const std::string kind = c.config.is_caffe() ? "caffe" : "onnx";
  c.reporter.info(fmt::format("Start to parse the {} model.", kind));
  c.graph = read_model(c.config, c.reporter);
  graph::Graph& graph = c.graph;
  if (c.loads()) c.loaded = quantize::take_quantization(graph);
  const auto removals = remove_nodes(graph, c.config.remove_node_types, c.config.remove_node_names);
  if (!removals.empty()) c.reporter.info(text_of(removals));
  for (const Removal& r : removals)
    c.report.removed.push_back({r.node, r.op, (r.removed ? "removed " : "not removed: ") + r.reason});
  std::vector<std::string> names;
  for (const auto* v : graph.inputs) names.push_back(v->name);
  c.config.inputs = config::inputs_in_order(c.config, names);
  settle_inputs(c.config, graph);
  c.reporter.info(fmt::format("Input ONNX model information:\n{:<26}{}\n{:<26}[{}]\n{:<26}{}{}",
                              "ONNX IR version:", graph.ir_version, "Opset version:", graph.opset,
                              "Producer:", graph.producer, line_of_inputs(graph)));
  ops::infer_shapes(graph);
  for (const std::string& note : check_inputs(c.config, graph)) c.reporter.warn(note);
  select_outputs(graph, c.config.output_nodes);
  passes::insert_preprocess(graph, c.config.inputs);
}

}  // namespace openhb::compiler
