// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "common/text/text.h"
#include "host/verify/stages.h"

namespace openhb::verify {
namespace {

// Names of models may be hundreds of characters long.
std::string brief(const std::string& name) {
  constexpr size_t kMost = 48;
  return name.size() <= kMost ? name : name.substr(0, kMost - 3) + "...";
}

}  // namespace

std::string stages_text(const Stages& stages) {
  std::vector<std::vector<std::string>> rows;
  for (const StageResult& stage : stages.stages)
    for (const StageTensor& t : stage.outputs)
      rows.push_back({stage.name, brief(t.tensor), fmt::format("{:.6f}", t.cosine),
                      fmt::format("{:.4g}", t.relative_l2), fmt::format("{:.6f}", t.step_cosine),
                      fmt::format("{}", t.worst_sample), stage.loses ? "yes" : ""});
  std::string text;
  if (!rows.empty())
    text = format_table({"Stage", "Output", "Cosine with float", "Relative L2",
                         "Cosine with the stage before", "Worst sample", "Loses"},
                        rows);
  for (size_t i = 0; i < stages.losses.size(); ++i) {
    const Loss& l = stages.losses[i];
    text += fmt::format("\n{}. Stage {}, ", i + 1, l.stage);
    if (l.node.empty())
      text += fmt::format("tensor '{}'", l.tensor);
    else
      text += fmt::format("node '{}' ({})", l.node, l.op);
    if (!l.node.empty() && l.tensor != l.node) text += fmt::format(", tensor '{}'", l.tensor);
    text +=
        fmt::format(", sample {}: cosine {:.6f} -> {:.6f}\n   {}\n", l.sample, l.before, l.after, l.reason);
    for (const std::string& advice : l.advice) text += fmt::format("   try: {}\n", advice);
  }
  return text + (text.empty() ? "" : "\n") + stages.verdict + "\n";
}

}  // namespace openhb::verify
