// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>

#include "host/passes/passes.h"
#include "host/passes/rewrite.h"

namespace openhb::passes {
namespace {

using graph::Graph;
using graph::Node;
using graph::Value;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Bounds {
  float lo = -kInfinity, hi = kInfinity;
  bool operator==(const Bounds&) const = default;
};

// A limit at the end of the float range, as exporters write "none".
float widened(float v) {
  constexpr float kMax = std::numeric_limits<float>::max();
  return v >= kMax ? kInfinity : v <= -kMax ? -kInfinity : v;
}

// What a Relu or a Clip with constant limits clips to; nullopt for others and for empty ranges.
std::optional<Bounds> bounds(const Node& node) {
  if (is_op(node, "Relu")) return Bounds{0, kInfinity};
  if (!is_op(node, "Clip")) return std::nullopt;
  Bounds result;
  const auto lo = node.input(1) ? constant_scalar(node.input(1)) : -kInfinity;
  const auto hi = node.input(2) ? constant_scalar(node.input(2)) : kInfinity;
  if (!lo || !hi) return std::nullopt;
  result = {*lo, *hi};
  result = {widened(result.lo), widened(result.hi)};
  if (!(result.lo <= result.hi) || result.lo == kInfinity || result.hi == -kInfinity) return std::nullopt;
  return result;
}

// Writes the bounds into a node as Relu or Clip .
void set_bounds(Graph& graph, Node& node, Bounds b) {
  node.inputs.resize(1);
  node.attributes.clear();
  if (b == Bounds{0, kInfinity}) {
    node.op = "Relu";
    return;
  }
  node.op = "Clip";
  const auto limit = [&](float value, const char* name) {
    const std::string base = node.name + "_" + name;
    return std::abs(value) == kInfinity
               ? nullptr
               : graph.add_constant(base, Tensor::from<float>({}, std::span(&value, 1)));
  };
  node.inputs.push_back(limit(b.lo, "min"));
  node.inputs.push_back(limit(b.hi, "max"));
  while (!node.inputs.back()) node.inputs.pop_back();
}

bool rewrite(Graph& graph, Node& node) {
  const auto outer = bounds(node);
  if (!outer || !node.input(0)) return false;
  if (*outer == Bounds{}) return bypass(graph, &node);
  if (is_op(node, "Clip") && *outer == Bounds{0, kInfinity}) {
    set_bounds(graph, node, *outer);
    return true;
  }
  Node* first = exclusive_producer(graph, node);
  const auto inner = first ? bounds(*first) : std::nullopt;
  if (!inner) return false;
  const Bounds both{std::clamp(inner->lo, outer->lo, outer->hi), std::clamp(inner->hi, outer->lo, outer->hi)};
  set_bounds(graph, *first, both);
  absorb(graph, first, &node);
  return true;
}

}  // namespace

void merge_clip(Graph& graph) {
  to_fixpoint(graph, [&](Node& node) { return rewrite(graph, node); });
}

}  // namespace openhb::passes
