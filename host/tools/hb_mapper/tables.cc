// SPDX-License-Identifier: Apache-2.0
#include "host/tools/hb_mapper/tables.h"

#include <algorithm>

#include "common/io/file.h"
#include "common/text/text.h"

namespace openhb::tools {

std::string node_table(std::span<const compiler::NodeReport> nodes, bool similarity) {
  std::vector<std::string> header{"Node", "ON", "Subgraph", "Type"};
  if (similarity) header.insert(header.end(), {"Cosine Similarity", "Threshold"});
  const auto number = [](const std::optional<double>& x) { return x ? fmt::format("{:.6f}", *x) : "--"; };
  std::vector<std::vector<std::string>> rows;
  for (const auto& n : nodes) {
    rows.push_back({shortened(n.node), n.on, n.subgraph, n.type});
    if (similarity) rows.back().insert(rows.back().end(), {number(n.cosine), number(n.threshold)});
  }
  return format_table(header, rows);
}

std::vector<ReasonGroup> by_reason(std::span<const compiler::NodeReport> nodes) {
  std::vector<ReasonGroup> groups;
  for (const auto& n : nodes) {
    if (n.reason.empty()) continue;
    auto it = std::ranges::find(groups, n.reason, &ReasonGroup::reason);
    if (it == groups.end()) it = groups.insert(groups.end(), {n.reason, {}});
    it->nodes.push_back(&n);
  }
  return groups;
}

std::string names_of(const ReasonGroup& group) {
  constexpr size_t kShown = 6;
  std::vector<std::string> some;
  for (size_t i = 0; i < std::min(group.nodes.size(), kShown); ++i)
    some.push_back(fmt::format("{} ({})", shortened(group.nodes[i]->node), group.nodes[i]->op));
  return fmt::format(
      "{}{}", fmt::join(some, ", "),
      group.nodes.size() > kShown ? fmt::format(" and {} more", group.nodes.size() - kShown) : "");
}

void write_text(const std::string& path, const std::string& text) {
  write_file_atomically(path, std::as_bytes(std::span(text.data(), text.size())));
}

}  // namespace openhb::tools
