// SPDX-License-Identifier: Apache-2.0
#include <unordered_map>
#include <unordered_set>

#include "host/compiler/convert.h"
#include "host/compiler/lowering.h"
#include "host/ops/operator.h"

namespace openhb::compiler {

std::vector<NodeReport> placements(const graph::Graph& graph, const engine::Model& model) {
  struct Steps {
    int32_t subgraph = -1;
    Cost cost;
  };
  std::unordered_map<std::string, Steps> steps_of;
  const auto& steps = model.program().steps;
  for (size_t s = 0; s < steps.size(); ++s) {
    Steps& own = steps_of[steps[s].node];
    if (steps[s].subgraph >= 0) own.subgraph = steps[s].subgraph;
    own.cost.macs += model.cost(s).macs;
    own.cost.bytes += model.cost(s).bytes;
  }
  const auto consumers = graph.consumers();
  std::vector<NodeReport> rows;
  std::unordered_set<const graph::Node*> fused;
  std::unordered_map<const graph::Node*, int32_t> ids;
  int32_t current = 0;
  for (const auto& node : graph.nodes()) {
    const auto& op = ops::op_of(*node, graph.opset);
    const Steps& own = steps_of[node->name];
    NodeReport row;
    row.node = node->name;
    row.op = node->op;
    row.on = node->int8 ? "BPU" : "CPU";
    if (own.subgraph >= 0) current = own.subgraph;
    // Without a step of its own a node belongs to its input's producer.
    const graph::Value* x = node->input(0);
    if (own.subgraph < 0 && x && x->producer && ids.contains(x->producer)) current = ids.at(x->producer);
    if (node->int8) ids[node.get()] = current;
    row.subgraph = node->int8 ? fmt::format("id({})", current) : "--";
    // Whether such an activation takes a step of its own depends on calibrated ranges; its name does not.
    if (const graph::Node* next = fusable_activation(*node, consumers, graph);
        next && node->int8 && next->int8)
      fused.insert(next);
    row.type = node->int8 && !op.info.int8_type.empty() && !fused.contains(node.get())
                   ? std::string(op.info.int8_type)
                   : node->op;
    row.reason = node->reason;
    row.macs = own.cost.macs, row.bytes = own.cost.bytes;
    row.shape = node->outputs[0]->shape;
    for (const graph::Value* v : node->inputs)
      if (v && !v->is_constant()) row.inputs.push_back(v->name);
    for (const graph::Value* v : node->outputs) row.outputs.push_back(v->name);
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace openhb::compiler
