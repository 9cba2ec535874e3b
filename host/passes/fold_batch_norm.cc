// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "host/passes/channel_affine.h"
#include "host/passes/passes.h"
#include "host/passes/rewrite.h"

namespace openhb::passes {
namespace {

using graph::Graph;
using graph::Node;
using graph::Value;

struct Affine {
  std::vector<double> scale, shift;
};

// y = (x - mean) / sqrt(variance + epsilon) * gamma + beta (ONNX BatchNormalization-15) as scale and shift.
std::optional<Affine> batch_norm_affine(const Graph& graph, const Node& node) {
  if (node.attr_int("training_mode", 0) != 0 || node.attr_int("spatial", 1) != 1) return std::nullopt;
  for (size_t i = 1; i < node.outputs.size(); ++i)
    if (use_count(graph, node.outputs[i]) != 0) return std::nullopt;
  const Tensor* parameters[4];
  for (size_t i = 0; i < 4; ++i) {
    parameters[i] = constant_floats(node.input(i + 1));
    if (!parameters[i] || parameters[i]->rank() != 1 || parameters[i]->size() != parameters[0]->size())
      return std::nullopt;
  }
  const double epsilon = node.attr_float("epsilon", 1e-5f);
  Affine result;
  for (size_t c = 0; c < parameters[0]->size(); ++c) {
    const double gamma = parameters[0]->data<float>()[c], beta = parameters[1]->data<float>()[c];
    const double mean = parameters[2]->data<float>()[c], variance = parameters[3]->data<float>()[c];
    const double scale = gamma / std::sqrt(variance + epsilon), shift = beta - mean * scale;
    if (!std::isfinite(static_cast<float>(scale)) || !std::isfinite(static_cast<float>(shift)))
      return std::nullopt;
    result.scale.push_back(scale);
    result.shift.push_back(shift);
  }
  return result;
}

Tensor rounded(const std::vector<double>& values, Shape shape) {
  std::vector<float> floats;
  std::ranges::transform(values, std::back_inserter(floats), [](double v) { return static_cast<float>(v); });
  return Tensor::from<float>(std::move(shape), floats);
}

// Without a node to fold into: one multiplication and addition per channel.
bool replace_alone(Graph& graph, Node& node, const Affine& affine) {
  Value* x = node.input(0);
  const auto channels = static_cast<int64_t>(affine.scale.size());
  if (x->shape.size() < 2 || x->shape[1] != channels) return false;
  if (x->shape.size() == 2) {
    Value* scale = graph.add_constant(node.name + "_scale", rounded(affine.scale, {channels}));
    Value* shift = graph.add_constant(node.name + "_shift", rounded(affine.shift, {channels}));
    Node* mul = graph.add_node("Mul", node.name + "_mul", {x, scale}, {node.name + "_scaled"}, &node);
    mul->outputs[0]->shape = x->shape;
    node.op = "Add";
    node.inputs = {mul->outputs[0], shift};
    node.attributes.clear();
  } else {
    Shape kernel(x->shape.size(), 1);
    kernel[0] = channels;
    Value* weights = graph.add_constant(node.name + "_weight", rounded(affine.scale, kernel));
    Value* bias = graph.add_constant(node.name + "_bias", rounded(affine.shift, {channels}));
    node.op = "Conv";
    node.inputs = {x, weights, bias};
    node.attributes = {{"group", channels}, {"kernel_shape", std::vector<int64_t>(x->shape.size() - 2, 1)}};
  }
  node.outputs.resize(1);
  return true;
}

}  // namespace

void fold_batch_norm(Graph& graph) {
  to_fixpoint(graph, [&](Node& node) {
    if (!is_op(node, "BatchNormalization") || !node.input(0)) return false;
    const auto affine = batch_norm_affine(graph, node);
    if (!affine) return false;
    Node* compute = exclusive_producer(graph, node);
    const auto output = compute ? channel_output(*compute) : std::nullopt;
    if (output && static_cast<size_t>(output->channels) == affine->scale.size() &&
        apply_channel_affine(graph, *compute, affine->scale, affine->shift)) {
      absorb(graph, compute, &node);
      return true;
    }
    return replace_alone(graph, node, *affine);
  });
}

}  // namespace openhb::passes
