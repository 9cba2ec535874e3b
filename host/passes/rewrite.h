// SPDX-License-Identifier: Apache-2.0
// Small tools that the passes share.
#pragma once

#include <concepts>
#include <optional>
#include <string_view>
#include <vector>

#include "host/graph/graph.h"

namespace openhb::passes {

// Calls `rewrite(node)` (true: the graph changed, the node may be gone) over all nodes until nothing changes,
// then drops what became unused.
template <std::invocable<graph::Node&> Rewrite>
void to_fixpoint(graph::Graph& graph, Rewrite&& rewrite) {
  bool changed = true, any = false;
  while (changed) {
    changed = false;
    for (size_t i = 0; i < graph.nodes().size(); ++i)
      if (rewrite(*graph.nodes()[i])) changed = any = true;
  }
  if (any) graph.remove_dead();
}

// An operator of the standard set (own functions may share names with none).
bool is_op(const graph::Node& node, std::string_view op);

// Whether the value's shape and type have been established. Scalars that nodes compute count as unknown.
bool is_known(const graph::Value* value);

// The elements of a constant int32 or int64 tensor; nullopt for anything else.
std::optional<std::vector<int64_t>> constant_ints(const graph::Value* value);
// A constant float32 tensor, or nullptr.
const Tensor* constant_floats(const graph::Value* value);
// The only element of a constant float32 tensor.
std::optional<float> constant_scalar(const graph::Value* value);

// Number of readers; being a graph output counts as one.
size_t use_count(const graph::Graph& graph, const graph::Value* value);

// The node that makes input 0 of `node` and nothing else reads that value; otherwise nullptr.
graph::Node* exclusive_producer(const graph::Graph& graph, const graph::Node& node, size_t input = 0);

// `keep`'s output 0 becomes `drop`'s output 0, which keeps its name; `drop` is removed. Nothing else may read
// `keep`'s old output.
void absorb(graph::Graph& graph, graph::Node* keep, graph::Node* drop);

// Removes a node whose output 0 equals its input 0. False (and nothing done) where names of the graph's own
// inputs and outputs forbid it.
bool bypass(graph::Graph& graph, graph::Node* node);

}  // namespace openhb::passes
