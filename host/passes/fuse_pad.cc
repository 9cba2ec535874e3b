// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "host/passes/passes.h"
#include "host/passes/rewrite.h"

namespace openhb::passes {
namespace {

using graph::Graph;
using graph::Node;
using graph::Value;

// Begin pads of all axes of a constant zero Pad, then end pads; nullopt for any other kind of padding.
std::optional<std::vector<int64_t>> zero_pads(const Node& node, size_t rank) {
  if (node.attr_string("mode", "constant") != "constant") return std::nullopt;
  if (const Value* value = node.input(2); value && constant_scalar(value) != 0.0f) return std::nullopt;
  const auto pads = constant_ints(node.input(1));
  if (!pads || !node.input(3)) return pads;
  const auto axes = constant_ints(node.input(3));
  if (!axes || pads->size() != 2 * axes->size()) return std::nullopt;
  std::vector<int64_t> all(2 * rank, 0);
  for (size_t i = 0; i < axes->size(); ++i) {
    const int64_t axis = (*axes)[i] < 0 ? (*axes)[i] + static_cast<int64_t>(rank) : (*axes)[i];
    if (axis < 0 || axis >= static_cast<int64_t>(rank)) return std::nullopt;
    all[static_cast<size_t>(axis)] = (*pads)[i];
    all[static_cast<size_t>(axis) + rank] = (*pads)[i + axes->size()];
  }
  return all;
}

// Begin pads of the spatial axes, then end pads, when they are the only padded ones.
std::optional<std::vector<int64_t>> spatial_pads(const Node& pad) {
  if (!is_known(pad.input(0)) || pad.input(0)->shape.size() < 3) return std::nullopt;
  const size_t rank = pad.input(0)->shape.size();
  const auto pads = zero_pads(pad, rank);
  if (!pads || pads->size() != 2 * rank || std::ranges::any_of(*pads, [](int64_t p) { return p < 0; }))
    return std::nullopt;
  std::vector<int64_t> spatial;
  for (size_t i = 0; i < pads->size(); ++i) {
    if (i % rank >= 2)
      spatial.push_back((*pads)[i]);
    else if ((*pads)[i] != 0)
      return std::nullopt;
  }
  return spatial;
}

bool never_negative(const Node* node) {
  if (!node) return false;
  if (is_op(*node, "Relu") || is_op(*node, "Sigmoid") || is_op(*node, "HardSigmoid")) return true;
  if (!is_op(*node, "Clip")) return false;
  const auto lo = constant_scalar(node->input(1));
  const auto hi = node->input(2) ? constant_scalar(node->input(2)) : 1.0f;
  return lo && hi && *lo >= 0 && *hi >= 0;
}

bool all_ones(const std::vector<int64_t>& values) {
  return std::ranges::all_of(values, [](int64_t v) { return v == 1; });
}

// Whether zeros in the data and zeros from the node's own pads mean the same.
bool exact(const Node& node, const Node& pad, const std::vector<int64_t>& own,
           const std::vector<int64_t>& total) {
  if (is_op(node, "Conv")) return true;
  const auto kernel = node.attr_ints("kernel_shape", {});
  if (kernel.size() * 2 != total.size() || node.attr_int("ceil_mode", 0) != 0) return false;
  if (!all_ones(node.attr_ints("dilations", {}))) return false;
  // Every window must keep an element of the data; runtimes refuse wider pads.
  for (size_t i = 0; i < total.size(); ++i)
    if (total[i] >= kernel[i % kernel.size()]) return false;
  if (is_op(node, "AveragePool"))
    return node.attr_int("count_include_pad", 0) != 0 ||
           std::ranges::all_of(own, [](int64_t p) { return p == 0; });
  // A maximum sees its own pads as minus infinity: the same when the data has nothing below zero.
  return node.outputs.size() == 1 && never_negative(pad.input(0)->producer);
}

bool fuse(Node& node) {
  if (!is_op(node, "Conv") && !is_op(node, "AveragePool") && !is_op(node, "MaxPool")) return false;
  const Node* pad = node.input(0) ? node.input(0)->producer : nullptr;
  if (!pad || !is_op(*pad, "Pad") || !pad->input(0)) return false;
  const std::string auto_pad = node.attr_string("auto_pad", "NOTSET");
  if (auto_pad != "NOTSET" && auto_pad != "VALID") return false;
  const auto pads = spatial_pads(*pad);
  if (!pads) return false;
  auto own = node.attr_ints("pads", std::vector<int64_t>(pads->size(), 0));
  if (auto_pad == "VALID") own.assign(pads->size(), 0);
  if (own.size() != pads->size()) return false;
  std::vector<int64_t> total(own);
  for (size_t i = 0; i < own.size(); ++i)
    if (own[i] < 0 || __builtin_add_overflow(own[i], (*pads)[i], &total[i])) return false;
  if (!exact(node, *pad, own, total)) return false;
  node.attributes.erase("auto_pad");
  node.attributes["pads"] = total;
  if (is_op(node, "AveragePool")) node.attributes["count_include_pad"] = int64_t{1};
  node.inputs[0] = pad->inputs[0];
  return true;
}

}  // namespace

void fuse_pad(Graph& graph) {
  to_fixpoint(graph, [](Node& node) { return fuse(node); });
}

}  // namespace openhb::passes
