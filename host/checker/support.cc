// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <unordered_set>

#include "host/checker/check.h"
#include "host/ops/infer.h"

namespace openhb::checker {
namespace {

bool is_about_the_model(ErrorCode code) {
  return (code >= ErrorCode::model_parse && code <= ErrorCode::model_dynamic_shape) ||
         code == ErrorCode::plugin_failed;
}

}  // namespace

std::vector<Problem> problems_of(const graph::Graph& original) {
  graph::Graph graph = original.clone();
  std::vector<Problem> problems;
  std::unordered_set<const graph::Value*> unknown;
  std::vector<graph::Node*> nodes, folded;
  for (const auto& node : graph.nodes()) nodes.push_back(node.get());
  for (graph::Node* node : nodes) {
    const Problem place{node->name, node->op, ErrorCode::model_unsupported_op, ""};
    const std::vector<graph::Value*> outputs = node->outputs;  // the node may be replaced
    bool inferable =
        std::ranges::none_of(node->inputs, [&](const graph::Value* v) { return unknown.contains(v); });
    try {
      if (inferable)
        ops::infer_node(graph, *node, graph.opset, folded);
      else
        ops::op_of(*node, graph.opset);
    } catch (const Error& error) {
      if (!is_about_the_model(error.code())) throw;
      problems.push_back(place);
      problems.back().code = error.code();
      problems.back().sentence = error.what();
      inferable = false;
    }
    if (!inferable) unknown.insert(outputs.begin(), outputs.end());
  }
  return problems;
}

Error error_of(const std::vector<Problem>& problems) {
  if (problems.size() == 1) return {problems[0].code, problems[0].sentence};
  std::map<std::string, std::vector<std::string>> by_op;
  for (const Problem& p : problems) by_op[p.op].push_back(fmt::format("'{}'", p.node));
  std::vector<std::string> parts;
  for (const auto& [op, nodes] : by_op) parts.push_back(fmt::format("{} ({})", op, fmt::join(nodes, ", ")));
  return {problems[0].code, fmt::format("{} nodes cannot be converted: {}. The first one: {}",
                                        problems.size(), fmt::join(parts, ", "), problems[0].sentence)};
}

}  // namespace openhb::checker
