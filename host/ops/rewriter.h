// SPDX-License-Identifier: Apache-2.0
// What an operator's `upgrade` works with: it turns one node of the file's opset into the canonical form, or
// into other nodes.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "host/ops/operator.h"

namespace openhb::ops {

using Attributes = std::map<std::string, graph::Attribute>;

class Rewriter {
 public:
  // `opset`: what `node` follows. Nodes that fold away come to `folded`, which the owner removes in the end.
  Rewriter(graph::Graph& graph, Node& node, int64_t opset, std::vector<Node*>& folded)
      : graph_(graph), node_(&node), name_(node.name), opset_(opset), folded_(folded) {}

  // The opset of the node. Canonical forms must pass unchanged: graphs are inferred more than once.
  int64_t opset() const { return opset_; }
  const Node& node() const { return *node_; }

  // A new node before this one, inferred at once (and folded when its inputs are constant). It follows
  // kGraphOpset. `node` returns its only output; `nodes` is for operators with several that stay in the
  // graph.
  Value* node(std::string_view op, std::vector<Value*> inputs, Attributes attributes = {});
  Node* nodes(std::string_view op, std::vector<Value*> inputs, Attributes attributes, size_t outputs);
  Value* ints(const std::vector<int64_t>& values);  // an int64 list
  Value* scalar(float value);                       // of rank 0
  Value* constant(Tensor tensor);
  // Before a constant of that shape is made: Error(model_bad_shape) when it is larger than Graph::max_folded.
  void require_foldable(const Shape& shape) const;

  // The last node: takes over the original's name and all its outputs. The original is gone afterwards.
  void result(std::string_view op, std::vector<Value*> inputs, Attributes attributes = {});
  // Output i of the original is `value`. Once every output that is used has its value, the original is gone.
  void result(size_t output, Value* value);

  // In place: a list attribute becomes constant input `input`; an absent attribute changes nothing.
  void ints_to_input(std::string_view attribute, size_t input);
  void float_to_input(std::string_view attribute, size_t input);
  void set_input(size_t input, Value* value);

  bool replaced() const { return replaced_; }
  graph::Graph& graph() { return graph_; }
  // Infers a node of the file's opset that the caller has placed before this one (graphs inside of
  // attributes).
  void adopt(Node& node);

 private:
  std::string fresh_name(std::string_view what) const { return name_ + "_" + std::string(what); }
  void discard();
  void count_node();
  graph::Graph& graph_;
  Node* node_;
  std::string name_;
  int64_t opset_;
  std::vector<Node*>& folded_;
  std::vector<size_t> given_;  // outputs that have their value
  size_t expansion_ = 0;       // nodes added
  bool replaced_ = false;
};

}  // namespace openhb::ops
