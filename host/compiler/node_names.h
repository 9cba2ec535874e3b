// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "host/config/config.h"
#include "host/graph/graph.h"

namespace openhb::compiler {

// The nodes (and their inputs) that node_info, set_node_data_type, run_on_cpu and run_on_bpu speak of against
// the optimized graph. Throws one Error(config_bad_value) for all that are unknown.
void check_node_names(const config::Config& config, const graph::Graph& graph);

}  // namespace openhb::compiler
