// SPDX-License-Identifier: Apache-2.0
// Inference of one node. Internal to the operators: infer.cc and rewriter.cc.
#pragma once

#include "host/ops/operator.h"

namespace openhb::ops {

// Brings `node`, which follows `opset`, to its canonical form and infers and folds its outputs. The node may
// be gone afterwards, others may stand before it. Nodes whose outputs are constants now come to `folded`.
void infer_node(graph::Graph& graph, Node& node, int64_t opset, std::vector<Node*>& folded);

}  // namespace openhb::ops
