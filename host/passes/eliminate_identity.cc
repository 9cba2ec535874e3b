// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <functional>
#include <utility>

#include "host/passes/passes.h"
#include "host/passes/rewrite.h"

namespace openhb::passes {
namespace {

using graph::Graph;
using graph::Node;
using graph::Value;

bool same_shape(const Node& node) {
  return is_known(node.input(0)) && is_known(node.outputs[0]) &&
         node.input(0)->shape == node.outputs[0]->shape;
}

bool always(const Graph&, const Node&) { return true; }

bool one_input(const Graph&, const Node& node) { return node.inputs.size() == 1; }

// These move or repeat elements in order, so an equal shape means equal contents.
bool shape_kept(const Graph&, const Node& node) { return same_shape(node); }

bool cast(const Graph&, const Node& node) {
  constexpr std::array<std::pair<DType, int64_t>, 6> kOnnxNumber{{{DType::f32, 1},
                                                                  {DType::u8, 2},
                                                                  {DType::i8, 3},
                                                                  {DType::i32, 6},
                                                                  {DType::i64, 7},
                                                                  {DType::boolean, 9}}};
  if (!is_known(node.input(0))) return false;
  const std::pair wanted(node.input(0)->dtype, node.attr_int("to", 0));
  return std::ranges::find(kOnnxNumber, wanted) != kOnnxNumber.end();
}

bool transpose(const Graph&, const Node& node) {
  const auto perm = node.attr_ints("perm", {});  // absent: the axes are reversed
  if (perm.empty()) return is_known(node.input(0)) && node.input(0)->shape.size() == 1;
  return std::ranges::is_sorted(perm);
}

bool pad(const Graph&, const Node& node) {
  const auto pads = constant_ints(node.input(1));
  return pads && std::ranges::all_of(*pads, [](int64_t p) { return p == 0; });
}

bool slice(const Graph&, const Node& node) {
  if (!same_shape(node)) return false;
  if (!node.input(4)) return true;
  const auto steps = constant_ints(node.input(4));
  return steps && std::ranges::all_of(*steps, [](int64_t s) { return s > 0; });
}

struct Rule {
  std::string_view op;
  bool (*is_identity)(const Graph&, const Node&);
};

constexpr Rule kRules[] = {
    {"Identity", always},     {"Cast", cast},
    {"Reshape", shape_kept},  {"Flatten", shape_kept},
    {"Squeeze", shape_kept},  {"Unsqueeze", shape_kept},
    {"Expand", shape_kept},   {"Tile", shape_kept},
    {"Transpose", transpose}, {"Pad", pad},
    {"Slice", slice},         {"Concat", one_input},
    {"Sum", one_input},       {"Max", one_input},
    {"Min", one_input},       {"Mean", one_input},
};

}  // namespace

void eliminate_identity(Graph& graph) {
  to_fixpoint(graph, [&](Node& node) {
    const auto* rule = std::ranges::find_if(kRules, [&](const Rule& r) { return is_op(node, r.op); });
    return rule != std::end(kRules) && node.input(0) && rule->is_identity(graph, node) &&
           bypass(graph, &node);
  });
}

}  // namespace openhb::passes
