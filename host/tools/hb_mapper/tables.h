// SPDX-License-Identifier: Apache-2.0
// Text that several commands of hb_mapper print.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "common/text/shortened.h"
#include "host/compiler/convert.h"

namespace openhb::tools {

// Node, ON, Subgraph, Type and, when `similarity`, Cosine Similarity and Threshold.
std::string node_table(std::span<const compiler::NodeReport> nodes, bool similarity);

// Nodes with the same reason.
struct ReasonGroup {
  std::string reason;
  std::vector<const compiler::NodeReport*> nodes;
};
// In the order of the first node of each.
std::vector<ReasonGroup> by_reason(std::span<const compiler::NodeReport> nodes);
// "conv1 (Conv), conv2 (Conv) and 7 more"
std::string names_of(const ReasonGroup& group);

void write_text(const std::string& path, const std::string& text);

}  // namespace openhb::tools
