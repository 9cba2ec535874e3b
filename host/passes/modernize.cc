// SPDX-License-Identifier: Apache-2.0
#include "host/passes/modernize.h"

#include <algorithm>
#include <functional>
#include <limits>

namespace openhb::passes {
namespace {

using graph::Graph;
using graph::Node;
using graph::Value;

Value* ints(Graph& g, const Node& node, std::string_view what, const std::vector<int64_t>& values) {
  return g.add_constant(fmt::format("{}_{}", node.name, what),
                        Tensor::from<int64_t>({static_cast<int64_t>(values.size())}, values));
}

void set_input(Node& node, size_t i, Value* value) {
  if (node.inputs.size() <= i) node.inputs.resize(i + 1, nullptr);
  node.inputs[i] = value;
}

// A list attribute becomes constant input `i`.
void attribute_to_input(Graph& g, Node& node, const char* attribute, size_t i) {
  if (!node.attributes.contains(attribute)) return;
  set_input(node, i, ints(g, node, attribute, node.attr_ints(attribute, {})));
  node.attributes.erase(attribute);
}

void clip(Graph& g, Node& node) {
  const char* names[] = {"min", "max"};
  for (size_t k = 0; k < 2; ++k)
    if (node.attributes.contains(names[k])) {
      const float bound = node.attr_float(names[k], 0);
      set_input(
          node, k + 1,
          g.add_constant(node.name + "_" + names[k], Tensor::from<float>({}, std::vector<float>{bound})));
      node.attributes.erase(names[k]);
    }
}

void pad(Graph& g, Node& node) {
  attribute_to_input(g, node, "paddings", 1);
  attribute_to_input(g, node, "pads", 1);
  if (node.attributes.contains("value")) {
    const std::vector<float> value{node.attr_float("value", 0)};
    set_input(node, 2, g.add_constant(node.name + "_value", Tensor::from<float>({}, value)));
    node.attributes.erase("value");
  }
}

void slice(Graph& g, Node& node) {
  attribute_to_input(g, node, "starts", 1);
  attribute_to_input(g, node, "ends", 2);
  attribute_to_input(g, node, "axes", 3);
}

void split(Graph& g, Node& node) {
  if (g.opset < 13) attribute_to_input(g, node, "split", 1);
}

void axes(Graph& g, Node& node) {
  if (g.opset < 13) attribute_to_input(g, node, "axes", 1);
}

void resize(Graph& g, Node& node) {
  const bool old = node.op == "Upsample" || node.inputs.size() == 2;
  if (!old) return;
  Value* scales = node.input(1);
  if (!scales) {
    const auto list = node.attr_floats("scales", {});
    scales =
        g.add_constant(node.name + "_scales", Tensor::from<float>({static_cast<int64_t>(list.size())}, list));
    node.attributes.erase("scales");
  }
  node.op = "Resize";
  node.inputs = {node.inputs[0], nullptr, scales};
  node.attributes["coordinate_transformation_mode"] = std::string("asymmetric");
  node.attributes["nearest_mode"] = std::string("floor");
}

void softmax(Graph& g, Node& node) {
  if (g.opset >= 13) return;
  const Shape shape = node.input(0)->shape;
  const auto rank = static_cast<int64_t>(shape.size());
  int64_t axis = node.attr_int("axis", 1);
  if (axis < 0) axis += rank;
  node.attributes["axis"] = axis;
  if (axis + 1 >= rank || num_elements(Shape(shape.begin() + axis + 1, shape.end())) == 1) return;
  // All axes from `axis` on were one: reshape to a matrix and back.
  const Shape matrix{num_elements(Shape(shape.begin(), shape.begin() + axis)),
                     num_elements(Shape(shape.begin() + axis, shape.end()))};
  Node* flat =
      g.add_node("Reshape", node.name + "_flatten", {node.inputs[0], ints(g, node, "matrix", matrix)},
                 {node.name + "_flattened"}, &node);
  flat->outputs[0]->shape = matrix;
  Value* result = node.outputs[0];
  Value* inner = g.add_value(node.name + "_matrix", DType::f32, matrix);
  inner->producer = &node;
  node.inputs[0] = flat->outputs[0];
  node.outputs[0] = inner;
  node.attributes["axis"] = int64_t{1};
  const auto& nodes = g.nodes();
  const auto at = std::find_if(nodes.begin(), nodes.end(), [&](const auto& n) { return n.get() == &node; });
  g.add_node_to("Reshape", node.name + "_restore", {inner, ints(g, node, "shape", shape)}, {result},
                at + 1 == nodes.end() ? nullptr : (at + 1)->get());
}

}  // namespace

void modernize(Graph& graph) {
  static const std::map<std::string_view, void (*)(Graph&, Node&)> kForms{
      {"Clip", clip},       {"Pad", pad},         {"Slice", slice},        {"Split", split},
      {"Squeeze", axes},    {"Unsqueeze", axes},  {"ReduceSum", axes},     {"Resize", resize},
      {"Upsample", resize}, {"Softmax", softmax}, {"LogSoftmax", softmax},
  };
  std::vector<Node*> nodes;
  for (const auto& n : graph.nodes()) nodes.push_back(n.get());
  for (Node* node : nodes)
    if (const auto form = kForms.find(node->op); node->domain.empty() && form != kForms.end())
      form->second(graph, *node);
  for (Node* node : nodes)  // its training outputs went with inference
    if (node->op == "BatchNormalization" && node->outputs.size() > 1)
      node->outputs.erase(node->outputs.begin() + 1, node->outputs.end());
  graph.opset = std::max<int64_t>(graph.opset, 13);
  graph.ir_version = std::max<int64_t>(graph.ir_version, 8);
}

}  // namespace openhb::passes
