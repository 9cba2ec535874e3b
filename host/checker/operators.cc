// SPDX-License-Identifier: Apache-2.0
// docs/operators.md, from the operators' descriptions and the marches' tables.
#include <algorithm>
#include <map>

#include "host/checker/check.h"
#include "host/ops/operator.h"

namespace openhb::checker {
namespace {

constexpr std::string_view kHead = R"(# Operators

<!-- Made from the operators' descriptions in host/ops and the tables in host/march/tables.h by operators_document();
a test compares the two. -->

The operators of the standard ONNX domain that a network may contain. *Opsets* are the versions of the operator set
in which a model may use them; older forms are brought up to the newest one when the model is read. *int8*, *int16*
and *float* say what the engine computes them in: a `-` means that the operator never runs so, and a node that runs in
float is on the CPU in the tables of `hb_mapper`. *expanded* operators are replaced by others when the model is read;
where they run follows from these.

Whether a node runs in integers depends on its form, too. `hb_mapper checker` says for every node where it runs, and
for each on the CPU why, what it costs, and what would change it.

There is no BPU in OpenHB: what the vendor's tools call a BPU subgraph is a run of integer steps that the board's CPU
cores (or the simulator) compute. The limits of a march are those that the vendor's documents name for its hardware,
so that placements agree.
)";

std::string yes(bool v) { return v ? "yes" : "-"; }

std::string operators_table() {
  std::vector<const ops::OpRow*> rows;
  for (const ops::OpRow& row : ops::all_ops())
    if (row.info.domain.empty()) rows.push_back(&row);
  std::ranges::sort(rows, {}, [](const ops::OpRow* row) { return row->info.name; });
  std::string text = "\n| operator | opsets | int8 | int16 | float | notes |\n|---|---|---|---|---|---|\n";
  for (const ops::OpRow* row : rows) {
    const bool expanded = !row->lower && !row->refused;
    const auto in = [&](ops::Integer least) { return expanded ? "expanded" : yes(row->integer >= least); };
    text += fmt::format("| {} | {}+ | {} | {} | {} | {} |\n", row->info.name,
                        std::max<int64_t>(row->info.since, 7), in(ops::Integer::int8),
                        in(ops::Integer::int16), expanded ? "expanded" : yes(!row->refused), row->note);
  }
  return text;
}

std::string limits_rows(const std::string& operators, std::span<const march::Limit> limits) {
  // Quantities in the order of their first row; one column per march.
  std::vector<std::string_view> order;
  std::map<std::string_view, std::array<std::string, march::kMarches.size()>> cells;
  for (const march::Limit& limit : limits) {
    const std::string_view quantity = limit.measure ? limit.quantity : "the operator itself";
    if (!cells.contains(quantity)) order.push_back(quantity);
    auto& row = cells[quantity];
    for (size_t m = 0; m < row.size(); ++m)
      if ((limit.marches & static_cast<march::Marches>(march::kMarches[m].march)) != 0) {
        if (!row[m].empty()) row[m] += "; ";
        row[m] += limit.measure ? march::allowed_text(limit) : "CPU only";
      }
  }
  std::string text;
  for (std::string_view quantity : order) {
    text += fmt::format("| {} | {} |", quantity == order.front() ? operators : "", quantity);
    for (const std::string& cell : cells[quantity]) text += fmt::format(" {} |", cell.empty() ? "-" : cell);
    text += "\n";
  }
  return text;
}

std::string limits_table() {
  std::string text =
      "\n## Limits of the marches\n\nFor nodes that run in integers.\n\n| operator | quantity |";
  std::string rule = "|---|---|";
  for (const march::MarchRow& row : march::kMarches) {
    text += fmt::format(" {} ({}) |", row.name, row.chips);
    rule += "---|";
  }
  text += "\n" + rule + "\n" + limits_rows("every one", march::general_limits());
  // Operators with the same rows stand together, in the order of the list.
  std::vector<std::pair<std::span<const march::Limit>, std::vector<std::string_view>>> groups;
  for (const ops::OpRow& row : ops::all_ops()) {
    if (!row.info.domain.empty() || row.integer == ops::Integer::none) continue;
    auto it =
        std::ranges::find_if(groups, [&](const auto& g) { return g.first.data() == row.limits.data(); });
    if (it == groups.end()) it = groups.insert(groups.end(), {row.limits, {}});
    it->second.push_back(row.info.name);
  }
  for (auto& [limits, names] : groups) {
    std::ranges::sort(names);
    text += limits_rows(fmt::format("{}", fmt::join(names, ", ")), limits);
  }
  return text;
}

}  // namespace

std::string operators_document() { return std::string(kHead) + operators_table() + limits_table(); }

}  // namespace openhb::checker
