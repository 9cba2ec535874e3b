// SPDX-License-Identifier: Apache-2.0
#include "host/compiler/surgery.h"

#include <algorithm>
#include <map>
#include <optional>

#include "common/text/text.h"
#include "host/config/removable.h"
#include "host/ops/operator.h"

namespace openhb::compiler {
namespace {

using graph::Graph;
using graph::Node;
using graph::Value;

class Surgeon {
 public:
  explicit Surgeon(Graph& graph) : graph_(graph), inferred_(graph.clone()) {}

  Removal remove(Node& node) {
    Removal result{.node = node.name, .op = node.op};
    result.reason = obstacle(node);
    if (!result.reason.empty()) return result;
    const bool at_input = is_input(node.input(0));
    const std::string place = at_input ? fmt::format("at input '{}'", node.input(0)->name)
                                       : fmt::format("at output '{}'", node.outputs[0]->name);
    result.reason = at_input ? from_input(node) : from_output(node);
    result.removed = result.reason.empty();
    if (result.removed) result.reason = place;
    return result;
  }

 private:
  // Why it stays, or "".
  std::string obstacle(const Node& node) const {
    const bool at_input = is_input(node.input(0)),
               at_output =
                   std::ranges::any_of(node.outputs, [&](const Value* v) { return graph_.is_output(v); });
    if (!at_input && !at_output) return "it stands at no input and no output of the model";
    if (at_input && at_output) return "nothing would be left between an input and an output of the model";
    for (size_t i = 1; i < node.inputs.size(); ++i)
      if (node.input(i) && !node.input(i)->is_constant())
        return fmt::format("its input '{}' is computed, too", node.input(i)->name);
    if (node.outputs.size() != 1) return "it has several results";
    return "";
  }
  bool is_input(const Value* v) const {
    return v && std::ranges::find(graph_.inputs, v) != graph_.inputs.end();
  }

  std::string from_input(Node& node) {
    Value *input = node.inputs[0], *result = node.outputs[0];
    if (graph_.consumers()[input].size() != 1 || graph_.is_output(input))
      return fmt::format("other nodes read the input '{}', too", input->name);
    const Value* known = shapes().find_value(result->name);
    if (!known || known->is_constant())
      return fmt::format("the shape of its result '{}' is not known", result->name);
    input->dtype = known->dtype;
    input->onnx_type = 0;
    input->shape = known->shape;
    graph_.remove_node(&node);
    graph_.replace_uses(result, input);
    graph_.remove_dead();
    return "";
  }

  std::string from_output(Node& node) {
    Value *source = node.inputs[0], *result = node.outputs[0];
    if (!graph_.consumers()[result].empty())
      return fmt::format("other nodes read its result '{}', too", result->name);
    if (source->is_constant()) return fmt::format("it reads the constant '{}'", source->name);
    if (graph_.is_output(source))
      std::erase(graph_.outputs, result);
    else
      std::ranges::replace(graph_.outputs, result, source);
    graph_.remove_node(&node);
    graph_.remove_dead();
    return "";
  }

  // Imported graphs know the shapes of their inputs only.
  const Graph& shapes() {
    if (!shapes_known_) ops::infer_shapes(inferred_);
    shapes_known_ = true;
    return inferred_;
  }

  Graph& graph_;
  Graph inferred_;
  bool shapes_known_ = false;
};

}  // namespace

std::vector<Removal> remove_nodes(Graph& graph, const std::vector<std::string>& types,
                                  const std::vector<std::string>& names) {
  if (types.empty() && names.empty()) return {};
  std::vector<std::string> known;
  for (const auto& node : graph.nodes()) known.push_back(node->name);
  for (const std::string& name : names)
    if (std::ranges::find(known, name) == known.end())
      fail(ErrorCode::config_bad_value, "remove_node_name: node '{}' is not in the model.{}", name,
           suggestion(name, known));
  Surgeon surgeon(graph);
  std::vector<Removal> removals;
  for (const std::string& type : types) {
    const auto op = std::ranges::find(config::kRemovable, type, [](const auto& row) { return row.first; });
    if (op == config::kRemovable.end())
      fail(ErrorCode::config_bad_value, "remove_node_type: '{}' cannot be removed", type);
    std::map<std::string, Removal> kept;
    for (bool changed = true; changed;) {  // behind a removed node another one may have come to the border
      changed = false;
      std::vector<Node*> nodes;
      for (const auto& node : graph.nodes())
        if (node->op == op->second && node->domain.empty()) nodes.push_back(node.get());
      for (Node* node : nodes) {
        Removal removal = surgeon.remove(*node);
        changed = removal.removed;
        if (changed) {
          kept.erase(removal.node);
          removals.push_back(std::move(removal));
          break;  // others may have become dead
        }
        kept[removal.node] = std::move(removal);
      }
    }
    for (const auto& [name, removal] : kept)
      if (graph.find_node(name)) removals.push_back(removal);
  }
  for (const std::string& name : names) {
    Node* node = graph.find_node(name);
    removals.push_back(node ? surgeon.remove(*node) : Removal{name, "--", false, "it is gone already"});
  }
  return removals;
}

std::string text_of(const std::vector<Removal>& removals) {
  constexpr size_t kShown = 6;
  std::vector<std::string> gone;
  std::vector<std::pair<std::string, std::vector<std::string>>> kept;  // by reason
  for (const Removal& r : removals) {
    std::string name = fmt::format("{} ({})", r.node, r.op);
    if (r.removed) {
      gone.push_back(fmt::format("{} {}", name, r.reason));
      continue;
    }
    auto group = std::ranges::find(kept, r.reason, [](const auto& g) { return g.first; });
    if (group == kept.end()) group = kept.insert(kept.end(), {r.reason, {}});
    group->second.push_back(std::move(name));
  }
  std::string text =
      gone.empty() ? "No node was removed" : fmt::format("Removed nodes: {}", fmt::join(gone, ", "));
  for (const auto& [reason, names] : kept) {
    const size_t shown = std::min(names.size(), kShown);
    text += fmt::format(
        "\n  not removed: {}{}: {}", fmt::join(names.begin(), names.begin() + std::ptrdiff_t(shown), ", "),
        names.size() > shown ? fmt::format(" and {} more", names.size() - shown) : "", reason);
  }
  return text;
}

}  // namespace openhb::compiler
