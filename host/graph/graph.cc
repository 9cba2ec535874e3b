// SPDX-License-Identifier: Apache-2.0
#include "host/graph/graph.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <unordered_set>

namespace openhb::graph {

Graph Graph::clone() const {
  Graph copy;
  copy.name = name;
  copy.opset = opset;
  copy.domains = domains;
  copy.ir_version = ir_version;
  copy.producer = producer;
  copy.notices = notices;
  copy.max_folded = max_folded;
  std::unordered_map<const Value*, Value*> twin{{nullptr, nullptr}};
  for (const auto& value : values_) {
    auto& fresh = copy.values_.emplace_back(std::make_unique<Value>(*value));
    fresh->producer = nullptr;
    twin[value.get()] = fresh.get();
  }
  const auto map = [&](const std::vector<Value*>& from) {
    std::vector<Value*> to;
    to.reserve(from.size());
    for (const Value* value : from) to.push_back(twin.at(value));
    return to;
  };
  for (const auto& node : nodes_) {
    auto& fresh = copy.nodes_.emplace_back(std::make_unique<Node>(*node));
    fresh->inputs = map(node->inputs);
    fresh->outputs = map(node->outputs);
    for (Value* output : fresh->outputs)
      if (output) output->producer = fresh.get();
    copy.node_index_[fresh->name] = fresh.get();
  }
  for (const auto& [key, value] : value_index_) copy.value_index_[key] = twin.at(value);
  copy.inputs = map(inputs);
  copy.outputs = map(outputs);
  copy.name_counter_ = name_counter_;
  return copy;
}

std::string Graph::unique_name(std::string base) const {
  const auto taken = [&](const std::string& candidate) {
    return value_index_.contains(candidate) || node_index_.contains(candidate);
  };
  if (!base.empty() && !taken(base)) return base;
  if (base.empty()) base = "value";
  int& counter = name_counter_[base];
  for (;;) {
    std::string candidate = fmt::format("{}_{}", base, ++counter);
    if (!taken(candidate)) return candidate;
  }
}

Value* Graph::add_value(std::string value_name, DType dtype, Shape shape) {
  // A value may share its name with a node (exporters do that); only values among each other must differ.
  if (value_name.empty() || value_index_.contains(value_name))
    value_name = unique_name(std::move(value_name));
  auto& value = values_.emplace_back(std::make_unique<Value>());
  value->name = std::move(value_name);
  value->dtype = dtype;
  value->shape = std::move(shape);
  value_index_[value->name] = value.get();
  return value.get();
}

Value* Graph::add_constant(std::string value_name, Tensor tensor) {
  Value* value = add_value(std::move(value_name), tensor.dtype(), tensor.shape());
  value->constant = std::make_shared<const Tensor>(std::move(tensor));
  return value;
}

Node* Graph::add_node(std::string op, std::string node_name, std::vector<Value*> node_inputs,
                      std::vector<std::string> output_names, const Node* before) {
  std::vector<Value*> results;
  results.reserve(output_names.size());
  for (std::string& output : output_names) results.push_back(add_value(std::move(output)));
  return add_node_to(std::move(op), std::move(node_name), std::move(node_inputs), std::move(results), before);
}

Node* Graph::add_node_to(std::string op, std::string node_name, std::vector<Value*> node_inputs,
                         std::vector<Value*> node_outputs, const Node* before) {
  auto node = std::make_unique<Node>();
  if (node_name.empty()) node_name = fmt::format("{}_{}", op, nodes_.size());
  if (node_index_.contains(node_name)) node_name = unique_name(std::move(node_name));
  node->name = std::move(node_name);
  node->op = std::move(op);
  node->inputs = std::move(node_inputs);
  node->outputs = std::move(node_outputs);
  for (Value* output : node->outputs)
    if (output) output->producer = node.get();
  Node* result = node.get();
  node_index_[node->name] = result;
  insert(std::move(node), before);
  return result;
}

void Graph::insert(std::unique_ptr<Node> node, const Node* before) {
  const auto at = before ? std::ranges::find(nodes_, before, &std::unique_ptr<Node>::get) : nodes_.end();
  nodes_.insert(at, std::move(node));
}

Value* Graph::find_value(std::string_view value_name) const {
  const auto it = value_index_.find(std::string(value_name));
  return it == value_index_.end() ? nullptr : it->second;
}

Node* Graph::find_node(std::string_view node_name) const {
  const auto it = node_index_.find(std::string(node_name));
  return it == node_index_.end() ? nullptr : it->second;
}

Consumers Graph::consumers() const {
  Consumers result;
  for (const auto& node : nodes_)
    for (const Value* input : node->inputs)
      if (input) result[input].push_back(node.get());
  return result;
}

bool Graph::is_output(const Value* value) const { return std::ranges::find(outputs, value) != outputs.end(); }

void Graph::replace_uses(Value* from, Value* to) {
  for (const auto& node : nodes_) std::ranges::replace(node->inputs, from, to);
  std::ranges::replace(outputs, from, to);
}

void Graph::rename_node(Node* node, std::string new_name) {
  node_index_.erase(node->name);
  node->name = std::move(new_name);
  node_index_[node->name] = node;
}

void Graph::rename_value(Value* value, std::string new_name) {
  value_index_.erase(value->name);
  value->name = std::move(new_name);
  value_index_[value->name] = value;
}

void Graph::remove_node(Node* node) {
  const auto it = std::ranges::find(nodes_, node, &std::unique_ptr<Node>::get);
  if (it == nodes_.end()) fail(ErrorCode::internal, "a node to remove is not in the graph");
  for (Value* output : node->outputs)
    if (output && output->producer == node) output->producer = nullptr;
  node_index_.erase(node->name);
  nodes_.erase(it);
}

void Graph::remove_dead() {
  std::unordered_set<const Node*> live;
  std::vector<const Node*> pending;
  const auto visit = [&](const Value* value) {
    if (value && value->producer && live.insert(value->producer).second) pending.push_back(value->producer);
  };
  for (const Value* output : outputs) visit(output);
  while (!pending.empty()) {
    const Node* node = pending.back();
    pending.pop_back();
    for (const Value* input : node->inputs) visit(input);
  }

  std::unordered_set<const Value*> used(inputs.begin(), inputs.end());
  used.insert(outputs.begin(), outputs.end());
  for (const auto& node : nodes_) {
    if (!live.contains(node.get())) {
      for (Value* output : node->outputs)
        if (output && output->producer == node.get()) output->producer = nullptr;
      node_index_.erase(node->name);
      continue;
    }
    used.insert(node->inputs.begin(), node->inputs.end());
    used.insert(node->outputs.begin(), node->outputs.end());
  }
  std::erase_if(nodes_, [&](const auto& node) { return !live.contains(node.get()); });
  for (const auto& value : values_)
    if (!used.contains(value.get())) value_index_.erase(value->name);
  std::erase_if(values_, [&](const auto& value) { return !used.contains(value.get()); });
}

namespace {

// A node on a cycle: going from producer to producer among nodes that could not be sorted must come back to
// one.
const Node* node_in_cycle(const Node* start, const std::unordered_map<const Node*, size_t>& waiting) {
  std::unordered_set<const Node*> seen;
  const Node* node = start;
  while (seen.insert(node).second) {
    for (const Value* input : node->inputs) {
      const auto it = input ? waiting.find(input->producer) : waiting.end();
      if (it == waiting.end() || it->second == 0) continue;
      node = it->first;
      break;
    }
  }
  return node;
}

}  // namespace

void Graph::sort() {
  std::unordered_map<const Node*, size_t> position, waiting;
  std::unordered_map<const Node*, std::vector<size_t>> readers;
  for (size_t i = 0; i < nodes_.size(); ++i) position[nodes_[i].get()] = i;
  // The earliest ready node first: a sorted graph keeps its order.
  std::priority_queue<size_t, std::vector<size_t>, std::greater<>> ready;
  for (size_t i = 0; i < nodes_.size(); ++i) {
    size_t count = 0;
    for (const Value* input : nodes_[i]->inputs)
      if (input && input->producer && position.contains(input->producer)) {
        readers[input->producer].push_back(i);
        ++count;
      }
    waiting[nodes_[i].get()] = count;
    if (count == 0) ready.push(i);
  }
  std::vector<size_t> order;
  order.reserve(nodes_.size());
  while (!ready.empty()) {
    const size_t next = ready.top();
    ready.pop();
    order.push_back(next);
    for (const size_t reader : readers[nodes_[next].get()])
      if (--waiting[nodes_[reader].get()] == 0) ready.push(reader);
  }
  if (order.size() != nodes_.size()) {
    const auto stuck =
        std::ranges::find_if(nodes_, [&](const auto& node) { return waiting[node.get()] != 0; });
    fail(ErrorCode::model_structure, "{} is part of a cycle: its input depends on its own output",
         node_in_cycle(stuck->get(), waiting)->describe());
  }
  std::vector<std::unique_ptr<Node>> sorted;
  sorted.reserve(nodes_.size());
  for (const size_t i : order) sorted.push_back(std::move(nodes_[i]));
  nodes_ = std::move(sorted);
}

}  // namespace openhb::graph
