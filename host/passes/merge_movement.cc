// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <numeric>

#include "host/passes/passes.h"
#include "host/passes/rewrite.h"

namespace openhb::passes {
namespace {

using graph::Graph;
using graph::Node;
using graph::Value;

// The permutation of a Transpose; nullopt when it is not one.
std::optional<std::vector<int64_t>> permutation(const Node& node) {
  auto perm = node.attr_ints("perm", {});
  if (perm.empty()) {
    if (!is_known(node.input(0))) return std::nullopt;
    perm.resize(node.input(0)->shape.size());
    std::iota(perm.rbegin(), perm.rend(), 0);
  }
  auto sorted = perm;
  std::ranges::sort(sorted);
  for (size_t i = 0; i < sorted.size(); ++i)
    if (sorted[i] != static_cast<int64_t>(i)) return std::nullopt;
  return perm;
}

bool merge_transposes(Graph& graph, Node& node) {
  const Node* inner = node.input(0) ? node.input(0)->producer : nullptr;
  if (!is_op(node, "Transpose") || !inner || !is_op(*inner, "Transpose") || !inner->input(0)) return false;
  const auto first = permutation(*inner), second = permutation(node);
  if (!first || !second || first->size() != second->size()) return false;
  std::vector<int64_t> both;
  for (const int64_t axis : *second) both.push_back((*first)[static_cast<size_t>(axis)]);
  node.inputs[0] = inner->inputs[0];
  const bool identity = std::ranges::is_sorted(both);
  node.attributes["perm"] = std::move(both);
  // Gone at once when it has no other reader, or its input would look shared to bypass.
  if (use_count(graph, inner->outputs[0]) == 0) graph.remove_node(const_cast<Node*>(inner));
  if (identity) bypass(graph, &node);
  return true;
}

bool is_reshape_like(const Node& node) {
  for (const auto op : {"Reshape", "Squeeze", "Unsqueeze", "Flatten"})
    if (is_op(node, op)) return true;
  return false;
}

// Any of the family with a known result is Reshape to that constant.
bool canonicalize(Graph& graph, Node& node) {
  const Shape& shape = node.outputs[0]->shape;
  if (!is_reshape_like(node) || shape.empty() || std::ranges::find(shape, 0) != shape.end()) return false;
  if (is_op(node, "Reshape") && constant_ints(node.input(1)) == shape && node.attributes.empty())
    return false;
  Value* target = graph.add_constant(node.name + "_shape",
                                     Tensor::from<int64_t>({static_cast<int64_t>(shape.size())}, shape));
  node.op = "Reshape";
  node.inputs = {node.inputs[0], target};
  node.attributes.clear();
  return true;
}

// The outer shape decides alone, unless it copies an extent of the inner one (0).
bool merge_reshapes(Node& node) {
  const Node* inner = node.input(0) ? node.input(0)->producer : nullptr;
  if (!is_op(node, "Reshape") || !inner || !is_reshape_like(*inner) || !inner->input(0)) return false;
  const auto shape = constant_ints(node.input(1));
  if (!shape || std::ranges::find(*shape, 0) != shape->end()) return false;
  node.inputs[0] = inner->inputs[0];
  return true;
}

}  // namespace

void merge_movement(Graph& graph) {
  to_fixpoint(graph, [&](Node& node) {
    return node.input(0) &&
           (merge_transposes(graph, node) || canonicalize(graph, node) || merge_reshapes(node));
  });
}

}  // namespace openhb::passes
