// SPDX-License-Identifier: Apache-2.0
#include "host/quantize/restore.h"

#include <unordered_map>

#include "host/ops/operator.h"

namespace openhb::quantize {
namespace {

using graph::Graph;
using graph::Node;
using graph::Value;

// Operators that only move codes give their input's scale to their results, whatever a file says of these.
void follow_sources(const Graph& graph, Stored& stored, const Warn& warn) {
  auto& values = stored.params.values;
  for (const auto& node : graph.nodes()) {
    if (!node->int8 || ops::op_of(*node, graph.opset).quant(*node).kind != ops::QuantKind::passive) continue;
    const auto source = values.find(node->input(0)->name);
    if (source == values.end()) continue;
    const LoadedParams::Entry entry = source->second;
    const auto range = stored.ranges.find(source->first);
    for (const Value* v : node->outputs) {
      if (v->dtype != DType::f32) continue;
      const auto own = values.find(v->name);
      if (own != values.end() && !(own->second.quant == entry.quant))
        warn(fmt::format("{} only moves codes: its result '{}' has the scale of '{}', {}", node->describe(),
                         v->name, node->input(0)->name, entry.quant.scale()));
      values[v->name] = entry;
      if (range != stored.ranges.end())
        stored.ranges[v->name] = range->second;
      else
        stored.ranges.erase(v->name);
    }
  }
}

}  // namespace

void place_nodes(Graph& graph, const Notes& notes) {
  std::unordered_map<std::string_view, const NodeNote*> by_name;
  for (const NodeNote& note : notes.nodes) by_name[note.name] = &note;
  for (const auto& node : graph.nodes()) {
    const auto note = by_name.find(node->name);
    const ops::QuantRule rule = ops::op_of(*node, graph.opset).quant(*node);
    node->int8 = note != by_name.end() && note->second->int8 && rule.kind != ops::QuantKind::none;
    node->reason = node->int8              ? ""
                   : note == by_name.end() ? "it was not in the model that was calibrated"
                   : note->second->int8    ? rule.reason
                                           : note->second->reason;
  }
}

void annotate(Graph& graph, const Notes& notes, Stored stored, const Warn& warn) {
  follow_sources(graph, stored, warn);
  apply_params(graph, stored.params);
  for (const auto& [name, range] : stored.ranges)
    if (Value* v = graph.find_value(name); v && v->quant)
      v->range_lo = range.first, v->range_hi = range.second;
  for (const NodeNote& note : notes.nodes)
    if (const Node* node = graph.find_node(note.name); node && note.int8 && !node->int8)
      warn(fmt::format("{} runs on the CPU now: {}", node->describe(), node->reason));
}

}  // namespace openhb::quantize
