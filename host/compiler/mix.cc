// SPDX-License-Identifier: Apache-2.0
#include "host/compiler/mix.h"

#include "host/precision/assign.h"

namespace openhb::compiler {

std::map<std::string, size_t> choose_per_tensor(const graph::Graph& base,
                                                const std::vector<std::string>& pictures,
                                                const Histograms& histograms, std::span<const Candidate> list,
                                                const LowerOptions& int8_options, const SampleReader& samples,
                                                int threads, const Reporter& reporter) {
  LowerOptions unfolded = int8_options;
  unfolded.fold_steps = false;
  GraphRunner real(base, {}, threads);
  const auto similarity = [&](const graph::Graph& graph) {
    GraphRunner integer(graph, unfolded, threads);
    return tensor_similarity(real, integer, samples, 0);
  };
  const auto of_base = similarity(base);
  std::map<std::string, size_t> chosen;
  std::map<std::string, double> best;
  for (const graph::Value* v : precision::values_to_calibrate(base))
    if (const auto it = of_base.find(v->name); it != of_base.end() && it->second < kSensitive)
      chosen[v->name] = 0, best[v->name] = it->second;
  if (chosen.empty()) return chosen;
  for (size_t c = 1; c < list.size(); ++c) {
    graph::Graph trial = base.clone();
    apply(trial, pictures, histograms,
          [&](const graph::Value& v) -> const Candidate& { return list[chosen.contains(v.name) ? c : 0]; });
    for (const auto& [name, cosine] : similarity(trial))
      if (const auto it = best.find(name); it != best.end() && cosine > it->second)
        it->second = cosine, chosen[name] = c;
    reporter.progress("mix", c, list.size() - 1);
  }
  return chosen;
}

}  // namespace openhb::compiler
