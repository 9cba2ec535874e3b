// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <filesystem>

#include "host/verify/stages/culprits.h"

namespace openhb::verify {
namespace {

// Noise (relative L2, squared) at an end from which on a stage is said to lose accuracy.
constexpr double kOptimizerNoise = 1e-6;  // folding in float: 0.1 %
constexpr double kCodeNoise = 2e-3;       // a cosine of 0.999
constexpr double kIntegerNoise = 2e-3;

constexpr std::string_view kSuffix = "_model.onnx";

bool is_bits(const std::string& stage) { return stage == "simulator" || stage == "board"; }

std::string title(const Loss& loss) {
  return loss.node.empty() ? fmt::format("'{}'", loss.tensor)
                           : fmt::format("node '{}' ({})", loss.node, loss.op);
}

}  // namespace

std::vector<std::pair<std::string, std::string>> stage_files(const std::string& quantized) {
  const std::filesystem::path path(quantized);
  const std::string name = path.filename().string();
  constexpr std::string_view kQuantized = "quantized_model.onnx";
  if (!name.ends_with(kQuantized))
    fail(ErrorCode::usage,
         "--stages needs the quantized model of a conversion under its own name, "
         "<prefix>_quantized_model.onnx; '{}' "
         "was given",
         quantized);
  const std::string prefix = name.substr(0, name.size() - kQuantized.size());
  std::vector<std::pair<std::string, std::string>> files;
  std::vector<std::string> missing;
  for (const std::string word : {"original_float", "optimized_float", "calibrated", "quantized"}) {
    const std::string file = (path.parent_path() / fmt::format("{}{}{}", prefix, word, kSuffix)).string();
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(file, ignored)) missing.push_back(file);
    files.emplace_back(word, file);
  }
  if (!missing.empty())
    fail(ErrorCode::file_missing,
         "--stages compares all files of a conversion, and these are not there: {}. Convert the model again, "
         "or copy "
         "them beside '{}'",
         fmt::join(missing, ", "), quantized);
  return files;
}

Stages analyse_stages(const std::vector<StageDumps>& dumps, const std::string& calibrated_file,
                      const std::string& quantized_file, const StagesProgress& progress) {
  if (dumps.empty() || dumps[0].folders.empty()) fail(ErrorCode::internal, "no dumps of the float model");
  for (const StageDumps& d : dumps)
    if (d.folders.size() != dumps[0].folders.size())
      fail(ErrorCode::internal, "stage {} has {} samples, {} has {}", d.name, d.folders.size(), dumps[0].name,
           dumps[0].folders.size());
  if (dumps[0].name != "float")
    return {{}, {}, "The float model did not run, so nothing can be compared with it."};
  const Network network = read_network(calibrated_file, quantized_file);
  const Survey all = survey(dumps, network, progress);
  Stages stages;
  std::vector<std::string> sentences;
  std::optional<Survey::Worst> lowest;
  bool codes_seen = false;  // codes come with the first stage behind optimized
  for (size_t k = 0; k + 1 < dumps.size(); ++k) {
    const std::string& name = dumps[k + 1].name;
    stages.stages.push_back(all.result(dumps[k + 1], k));
    const auto far = all.worst_end(k), step = all.worst_end(k, true);
    if (!far || !step) continue;
    if (!lowest || far->likeness.with_float.noise >= lowest->likeness.with_float.noise) lowest = far;
    std::vector<Loss> losses;
    double repaired = 0;
    const double noise = far->likeness.with_float.noise;
    if (name == "optimized") {
      if (noise > kOptimizerNoise) losses = lost_to_optimizer({dumps, network, all, k, *far, progress});
    } else if (!codes_seen) {
      codes_seen = true;
      if (far->likeness.with_before.noise > kCodeNoise)
        losses = lost_to_codes({dumps, network, all, k, *far, progress}, repaired);
    } else if (!is_bits(name)) {
      const auto& cell = all.rows[step->row].cells[k - 1][step->sample];
      const double was = cell ? cell->with_float.noise : 0;
      if (step->likeness.with_float.noise - was > std::max(kIntegerNoise, 0.5 * was))
        losses = lost_to_integers({dumps, network, all, k, *step, progress});
    } else if (const auto changed = all.changed(k)) {
      losses = lost_bits({dumps, network, all, k, *changed, progress});
    }
    if (losses.empty()) continue;
    stages.stages.back().loses = true;
    const Loss& first = losses.front();
    const graph::Value& end = *all.rows[far->row].value;
    std::string text =
        is_bits(name)
            ? fmt::format("stage {} differs from {} in bits, first behind {}", name, dumps[k].name,
                          title(first))
            : fmt::format("stage {} loses accuracy: the cosine of '{}' with float is {:.6f} (sample {})",
                          name, end.name, far->likeness.with_float.cosine, far->sample);
    if (!is_bits(name))
      text += first.node.empty() ? losses.size() == 1 ? ", where many small errors add up"
                                                      : fmt::format(": {}", first.reason)
                                 : fmt::format(", most of it behind {}", title(first));
    if (repaired > far->likeness.with_float.cosine + 1e-6 && !first.node.empty())
      text += fmt::format("; without the {} it would be {:.6f}",
                          std::ranges::count_if(losses, [](const Loss& l) { return !l.node.empty(); }) == 1
                              ? "loss at this node"
                              : "losses at single nodes",
                          repaired);
    // What calibration marks between a node and its activation is no tensor of the quantized model.
    const auto next = k + 2 < dumps.size() && repaired > 0 ? all.worst_end(k + 1) : std::nullopt;
    if (next && next->likeness.with_float.noise < 0.5 * noise) {
      text += fmt::format("; stage {}, where a node and its activation are one step, has {:.6f}",
                          dumps[k + 2].name, next->likeness.with_float.cosine);
      for (Loss& loss : losses)
        if (!loss.node.empty() && network.bounds.contains(loss.tensor))
          loss.reason += fmt::format(
              "; stage {} makes the activation behind it in the same step and does not have this loss",
              dumps[k + 2].name);
    }
    sentences.push_back(std::move(text));
    for (Loss& loss : losses) stages.losses.push_back(std::move(loss));
  }
  if (!network.belongs)
    sentences.push_back(fmt::format("'{}' is not the calibrated model that '{}' was made from",
                                    calibrated_file, quantized_file));
  if (sentences.empty())
    stages.verdict =
        lowest ? fmt::format(
                     "No stage loses accuracy: the lowest cosine of an output with float is {:.6f} ('{}', "
                     "sample {}).",
                     lowest->likeness.with_float.cosine, all.rows[lowest->row].value->name, lowest->sample)
               : "No output is made of real numbers, so nothing can be said about accuracy.";
  else
    stages.verdict = fmt::format("{}.", fmt::join(sentences, "; "));
  if (!stages.verdict.empty() && stages.verdict[0] == 's') stages.verdict[0] = 'S';
  return stages;
}

}  // namespace openhb::verify
