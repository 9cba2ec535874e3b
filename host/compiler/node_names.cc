// SPDX-License-Identifier: Apache-2.0
#include "host/compiler/node_names.h"

#include <algorithm>

#include "common/text/text.h"

namespace openhb::compiler {

void check_node_names(const config::Config& config, const graph::Graph& graph) {
  std::vector<std::string> known, wrong;
  for (const auto& node : graph.nodes()) known.push_back(node->name);
  const auto check = [&](std::string_view key, const std::string& name) -> const graph::Node* {
    const graph::Node* node = graph.find_node(name);
    if (!node)
      wrong.push_back(
          fmt::format("{}: node '{}' is not in the optimized model.{}", key, name, suggestion(name, known)));
    return node;
  };
  for (const config::NodeInfo& info : config.node_info) {
    const graph::Node* node = check("node_info", info.name);
    for (const int input : info.int16_input)
      if (node && (input < 0 || static_cast<size_t>(input) >= node->inputs.size()))
        wrong.push_back(
            fmt::format("node_info: {} has {} inputs, counted from 0; InputType{} is none of them",
                        node->describe(), node->inputs.size(), input));
  }
  for (const auto& [key, names] : {std::pair("set_node_data_type", &config.int16_nodes),
                                   {"run_on_cpu", &config.run_on_cpu},
                                   {"run_on_bpu", &config.run_on_bpu}})
    for (const std::string& name : *names) check(key, name);
  if (wrong.empty()) return;
  fail(ErrorCode::config_bad_value, "{}{}", fmt::join(wrong, "\n"),
       "\nThe nodes are those of <prefix>_optimized_float_model.onnx: optimization merges some into others");
}

}  // namespace openhb::compiler
