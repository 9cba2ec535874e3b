// SPDX-License-Identifier: Apache-2.0
// Small random graphs for tests of passes, precision and lowering.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "host/compiler/evaluate.h"
#include "host/graph/graph.h"
#include "host/ops/operator.h"

namespace openhb::test {

using graph::Node;
using graph::Value;

struct SmallGraph {
  graph::Graph graph;
  std::mt19937 random;

  explicit SmallGraph(uint32_t seed, int64_t opset = 13) : random(seed) { graph.opset = opset; }

  float real(float lo = -1, float hi = 1) { return std::uniform_real_distribution<float>(lo, hi)(random); }
  int64_t integer(int64_t lo, int64_t hi) { return std::uniform_int_distribution<int64_t>(lo, hi)(random); }

  Tensor data(const Shape& shape, float lo = -1, float hi = 1) {
    Tensor t(DType::f32, shape);
    for (float& v : t.data<float>()) v = real(lo, hi);
    return t;
  }
  Value* input(const Shape& shape) {
    Value* v = graph.add_value("x" + std::to_string(graph.inputs.size()), DType::f32, shape);
    graph.inputs.push_back(v);
    return v;
  }
  Value* weights(const Shape& shape, float lo = -1, float hi = 1) {
    return graph.add_constant("", data(shape, lo, hi));
  }
  Value* ints(const std::vector<int64_t>& values) {
    return graph.add_constant("", Tensor::from<int64_t>({static_cast<int64_t>(values.size())}, values));
  }
  Node* node(const std::string& op, std::vector<Value*> inputs,
             std::map<std::string, graph::Attribute> attributes = {}, size_t outputs = 1) {
    const std::string name = graph.unique_name(op);
    std::vector<std::string> names;
    for (size_t i = 0; i < outputs; ++i) names.push_back(name + "_out" + std::to_string(i));
    Node* n = graph.add_node(op, name, std::move(inputs), names);
    n->attributes = std::move(attributes);
    return n;
  }
  Value* value(const std::string& op, std::vector<Value*> inputs,
               std::map<std::string, graph::Attribute> attributes = {}) {
    return node(op, std::move(inputs), std::move(attributes))->outputs[0];
  }
  void output(Value* v) {
    graph.outputs.push_back(v);
    ops::infer_shapes(graph);
  }
};

// The float results of a graph.
inline std::vector<Tensor> run_float(const graph::Graph& graph, const std::vector<Tensor>& inputs) {
  compiler::GraphRunner runner(graph, {}, 1);
  runner.run(inputs);
  std::vector<Tensor> results;
  for (size_t i = 0; i < graph.outputs.size(); ++i) results.push_back(runner.output(i));
  return results;
}

}  // namespace openhb::test
