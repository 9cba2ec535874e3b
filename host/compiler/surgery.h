// SPDX-License-Identifier: Apache-2.0
// remove_node_type and remove_node_name: nodes at the borders of a model go away.
#pragma once

#include <string>
#include <vector>

#include "host/graph/graph.h"

namespace openhb::compiler {

// What was asked for, and what came of it.
struct Removal {
  std::string node = {}, op = {};
  bool removed = false;
  std::string reason = {};  // where it stood, or why it stays
};

// Takes nodes out of a graph as it was imported: all of each type in turn, then each name in turn. One goes
// only when at that moment it stands between a model input that nobody else reads and the rest (the input
// keeps its name and takes over the node's result), or between the rest and a model output that nobody else
// reads (what it read becomes the output). Throws Error(config_bad_value) for names that are not in the
// model.
std::vector<Removal> remove_nodes(graph::Graph& graph, const std::vector<std::string>& types,
                                  const std::vector<std::string>& names);

// For the log: removed nodes, and those that stay with the reason.
std::string text_of(const std::vector<Removal>& removals);

}  // namespace openhb::compiler
