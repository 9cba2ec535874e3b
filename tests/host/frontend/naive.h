// SPDX-License-Identifier: Apache-2.0
// A plain evaluator of the few operators that the pass tests use, and a builder of small graphs. The passes
// change the order of roundings, so results are compared with a tolerance.
#pragma once

#include <map>
#include <random>
#include <string>
#include <vector>

#include "host/graph/graph.h"

namespace openhb::test {

using Tensors = std::map<std::string, Tensor>;

// Values of all graph outputs.
Tensors evaluate(const graph::Graph& graph, const Tensors& inputs);

class Builder {
 public:
  graph::Graph graph;

  graph::Value* input(const std::string& name, Shape shape);
  graph::Value* constant(const std::string& name, Shape shape, float lo = -1, float hi = 1);
  graph::Value* scalar(const std::string& name, float value);
  graph::Value* ints(const std::string& name, std::vector<int64_t> values);
  // A node named after its output.
  graph::Value* node(const std::string& op, const std::string& name, std::vector<graph::Value*> inputs,
                     Shape shape, std::map<std::string, graph::Attribute> attributes = {});
  void output(graph::Value* value) { graph.outputs.push_back(value); }
  // Runs the pass; outputs before and after must have the same names and shapes and nearly the same values.
  void check(void (*pass)(graph::Graph&));
  // "Conv Relu": the operators that are left, in order.
  std::string ops() const;

 private:
  Tensor random(Shape shape, float lo, float hi);
  std::mt19937 random_{12345};
};

}  // namespace openhb::test
