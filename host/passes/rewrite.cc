// SPDX-License-Identifier: Apache-2.0
#include "host/passes/rewrite.h"

#include <algorithm>

namespace openhb::passes {

using graph::Graph;
using graph::Node;
using graph::Value;

bool is_op(const Node& node, std::string_view op) { return node.op == op && node.domain.empty(); }

bool is_known(const Value* value) { return value && (value->is_constant() || !value->shape.empty()); }

std::optional<std::vector<int64_t>> constant_ints(const Value* value) {
  if (!value || !value->is_constant()) return std::nullopt;
  const Tensor& tensor = *value->constant;
  std::vector<int64_t> result;
  if (tensor.dtype() == DType::i64)
    result.assign(tensor.data<int64_t>().begin(), tensor.data<int64_t>().end());
  else if (tensor.dtype() == DType::i32)
    result.assign(tensor.data<int32_t>().begin(), tensor.data<int32_t>().end());
  else
    return std::nullopt;
  return result;
}

const Tensor* constant_floats(const Value* value) {
  return value && value->is_constant() && value->constant->dtype() == DType::f32 ? value->constant.get()
                                                                                 : nullptr;
}

std::optional<float> constant_scalar(const Value* value) {
  const Tensor* tensor = constant_floats(value);
  if (!tensor || tensor->size() != 1) return std::nullopt;
  return tensor->data<float>()[0];
}

size_t use_count(const Graph& graph, const Value* value) {
  auto count = static_cast<size_t>(std::ranges::count(graph.outputs, value));
  for (const auto& node : graph.nodes())
    count += static_cast<size_t>(std::ranges::count(node->inputs, value));
  return count;
}

Node* exclusive_producer(const Graph& graph, const Node& node, size_t input) {
  const Value* value = node.input(input);
  if (!value || !value->producer || value->producer->outputs[0] != value) return nullptr;
  return use_count(graph, value) == 1 ? value->producer : nullptr;
}

void absorb(Graph& graph, Node* keep, Node* drop) {
  Value* result = drop->outputs[0];
  graph.remove_node(drop);
  keep->outputs[0]->producer = nullptr;
  keep->outputs[0] = result;
  result->producer = keep;
}

bool bypass(Graph& graph, Node* node) {
  Value* from = node->inputs[0];
  Value* to = node->outputs[0];
  if (from->is_constant()) {
    graph.remove_node(node);
    to->constant = from->constant;
    to->dtype = from->dtype;
    to->shape = from->shape;
    return true;
  }
  // A first value that others read too, or that the user named, stays.
  if (!graph.is_output(to) && (!from->producer || use_count(graph, from) > 1)) {
    graph.remove_node(node);
    graph.replace_uses(to, from);
    return true;
  }
  if (!from->producer || graph.is_output(from)) return false;
  // The producer writes the last value of the chain, and other readers of the first one follow.
  Node* producer = from->producer;
  graph.remove_node(node);
  std::ranges::replace(producer->outputs, from, to);
  from->producer = nullptr;
  to->producer = producer;
  graph.replace_uses(from, to);
  return true;
}

}  // namespace openhb::passes
