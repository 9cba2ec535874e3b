// SPDX-License-Identifier: Apache-2.0
#include "host/checker/check.h"

#include <algorithm>

#include "host/compiler/lowering.h"
#include "host/ops/operator.h"
#include "host/precision/assign.h"

namespace openhb::checker {
namespace {

// Codes of scale 1: real ranges are smaller as a rule, so what overflows here overflows anyway. Behind an
// activation its bounds, as in real ranges, which say whether it takes a step of its own.
calibration::ClipRange made_up_range(const graph::Value& value) {
  calibration::ClipRange range{-127, 127};
  const graph::Node* node = value.producer;
  if (!node || !node->domain.empty() || (node->op != "Relu" && node->op != "Clip")) return range;
  const auto [lo, hi] = compiler::activation_bounds(*node);
  range.lo = std::clamp(lo, range.lo, range.hi);
  range.hi = std::clamp(hi, range.lo, range.hi);
  return range;
}

void make_up_ranges(graph::Graph& graph) {
  precision::apply_ranges(graph, {}, made_up_range);
  while (precision::demote_overflowing(graph)) precision::apply_ranges(graph, {}, made_up_range);
}

}  // namespace

Report check(graph::Graph& graph, march::March march) {
  precision::assign_precision(graph, {.run_on_cpu = {}, .run_on_bpu = {}, .int16 = {}, .march = march});
  make_up_ranges(graph);
  compiler::LowerOptions options;
  options.int8 = true;
  options.fold_steps = false;
  const auto model = engine::Model::create(compiler::Lowering(graph, options).run());
  const auto consumers = graph.consumers();
  Report report;
  const auto rows = compiler::placements(graph, *model);
  for (size_t i = 0; i < rows.size(); ++i) {
    const graph::Node& node = *graph.nodes()[i];
    Placement placement{rows[i], {}};
    if (!node.int8) {
      auto violations =
          march::violations(march, ops::op_of(node, graph.opset).limits, {graph, consumers, node});
      // Others stand behind a rule that comes first.
      if (march::reason_of(march, node, violations) == node.reason)
        placement.violations = std::move(violations);
    }
    report.nodes.push_back(std::move(placement));
  }
  for (size_t s = 0; s < model->program().steps.size(); ++s) {
    report.macs += model->cost(s).macs;
    report.bytes += model->cost(s).bytes;
  }
  return report;
}

}  // namespace openhb::checker
