// SPDX-License-Identifier: Apache-2.0
#include "host/march/march.h"

#include <algorithm>

#include "host/march/tables.h"

namespace openhb::march {
namespace {

std::string number(double v) { return fmt::format("{}", v); }

}  // namespace

std::string_view name_of(March march) {
  return std::find_if(kMarches.begin(), kMarches.end(), [&](const MarchRow& r) { return r.march == march; })
      ->name;
}

bool takes_int16(March march) {
  return std::any_of(kMarches.begin(), kMarches.end(),
                     [&](const MarchRow& r) { return r.march == march && r.int16; });
}

std::optional<March> find_march(std::string_view name) {
  for (const MarchRow& row : kMarches)
    if (row.name == name) return row.march;
  return std::nullopt;
}

std::string allowed_text(const Limit& limit) {
  if (!limit.allowed.empty()) return std::string(limit.allowed);
  if (limit.least == limit.most) return number(limit.least);
  return fmt::format("{} to {}", number(limit.least), number(limit.most));
}

std::span<const Limit> general_limits() { return kGeneral; }

std::vector<Violation> violations(March march, std::span<const Limit> limits, const Site& site) {
  std::vector<Violation> found;
  for (std::span<const Limit> list : {limits, general_limits()})
    for (const Limit& limit : list) {
      if ((limit.marches & static_cast<Marches>(march)) == 0) continue;
      if (!limit.measure) return {{"", site.node.op, "", std::string(limit.advice)}};
      for (const Observed& seen : limit.measure(site)) {
        if (seen.value >= limit.least && seen.value <= limit.most) continue;
        found.push_back({std::string(limit.quantity), seen.text.empty() ? number(seen.value) : seen.text,
                         allowed_text(limit), std::string(limit.advice)});
        break;  // the first tensor or dimension stands for the others
      }
    }
  return found;
}

std::string reason_of(March march, const graph::Node& node, std::span<const Violation> violations) {
  std::vector<std::string> parts, advice;
  for (const Violation& v : violations) {
    if (v.quantity.empty())
      parts.push_back(fmt::format("{} does not have {} in integers", name_of(march), node.op));
    else
      parts.push_back(
          fmt::format("its {} is {} ({}: {})", v.quantity, v.observed, name_of(march), v.allowed));
    if (!v.advice.empty() && std::find(advice.begin(), advice.end(), v.advice) == advice.end())
      advice.push_back(v.advice);
  }
  if (parts.empty()) return "";
  return fmt::format("{}{}{}", fmt::join(parts, ", "), advice.empty() ? "" : "; ",
                     fmt::join(advice, "; or "));
}

}  // namespace openhb::march
