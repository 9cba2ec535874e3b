// SPDX-License-Identifier: Apache-2.0
#include "host/compiler/calibrate.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <optional>

#include "host/calibration/coarse.h"
#include "host/calibration/parallel.h"
#include "host/compiler/collect.h"
#include "host/compiler/inputs.h"
#include "host/compiler/methods.h"
#include "host/compiler/mix.h"
#include "host/compiler/sample.h"
#include "host/precision/bias_correction.h"
#include "host/precision/outputs.h"

namespace openhb::compiler {
namespace {

// Mean output cosine between float and int8 on the first samples.
class Judge {
 public:
  Judge(const graph::Graph& graph, const LowerOptions& int8_options, const SampleReader& samples,
        const Plan& plan, Checkpoint& checkpoint)
      : graph_(graph),
        options_(int8_options),
        samples_(samples),
        plan_(plan),
        checkpoint_(checkpoint),
        expected_(std::min<size_t>(samples.size(), 4)) {}

  // For several candidates at the same time; `name` stands for the candidate in the checkpoint.
  double score(const graph::Graph& graph, const std::string& name) const {
    std::unique_ptr<GraphRunner> runner;
    double sum = 0;
    size_t counted = 0;
    for (size_t s = 0; s < expected_.size(); ++s) {
      check_interrupt();
      for (size_t o = 0, run = 0; o < graph.outputs.size(); ++o) {
        if (graph.outputs[o]->dtype != DType::f32) continue;
        sum += checkpoint_.remember(fmt::format("{}, sample {}, output {}", name, s, o), [&] {
          if (!runner) runner = std::make_unique<GraphRunner>(graph, options_, plan_.threads);
          if (run++ == 0) runner->run(samples_.program_inputs(s));
          return cosine(expected(s)[o].data<float>(), runner->output(o).data<float>());
        });
        ++counted;
        checkpoint_.write_if_due();
      }
    }
    return sum / static_cast<double>(std::max<size_t>(counted, 1));
  }

 private:
  const std::vector<Tensor>& expected(size_t sample) const {
    const std::lock_guard lock(mutex_);
    std::vector<Tensor>& outputs = expected_[sample];
    if (outputs.empty()) {
      if (!real_) real_ = std::make_unique<GraphRunner>(plan_.real, plan_.threads);
      real_->run(samples_.floats(sample));
      for (size_t o = 0; o < graph_.outputs.size(); ++o) outputs.push_back(real_->output(o));
    }
    return outputs;
  }

  const graph::Graph& graph_;
  const LowerOptions& options_;
  const SampleReader& samples_;
  const Plan& plan_;
  Checkpoint& checkpoint_;
  mutable std::mutex mutex_;
  mutable std::unique_ptr<GraphRunner> real_;
  mutable std::vector<std::vector<Tensor>> expected_;
};

// What the report shows of the histograms.
std::vector<report::TensorHistogram> coarse_histograms(const graph::Graph& graph, const Histograms& fine) {
  std::vector<report::TensorHistogram> list;
  for (const auto& v : graph.values()) {
    const auto it = fine.find(v->name);
    if (it == fine.end()) continue;
    list.push_back(calibration::coarse(it->second, {v->range_lo, v->range_hi}));
    list.back().tensor = v->name;
    if (!v->quant) continue;
    list.back().codes = dtype_name(v->codes);
    list.back().scale = v->quant->scale(), list.back().zero_point = v->quant->zero_point();
  }
  return list;
}

}  // namespace

SampleReader::SampleReader(const config::Config& config, const graph::Graph& graph,
                           const calibration::Dataset& dataset)
    : config_(config), graph_(graph), dataset_(dataset) {}

std::vector<Tensor> SampleReader::floats(size_t sample) const {
  std::vector<Tensor> out;
  for (size_t i = 0; i < graph_.inputs.size(); ++i)
    out.push_back(graph_input(config_.inputs[i], dataset_.load(sample, i), *graph_.inputs[i]));
  return out;
}

std::vector<Tensor> SampleReader::program_inputs(size_t sample) const {
  std::vector<Tensor> out;
  for (size_t i = 0; i < graph_.inputs.size(); ++i)
    out.push_back(program_input(config_.inputs[i], dataset_.load(sample, i), *graph_.inputs[i]));
  return out;
}

namespace {
// The element type that the configuration wants for the model's outputs instead of float.
std::optional<DType> output_codes(const config::Config& config) {
  if (config::asks_for(config, "set_model_output_int8")) return DType::i8;
  if (config::asks_for(config, "set_model_output_int16")) return DType::i16;
  return std::nullopt;
}

// What the log calls the search.
std::string method_words(const config::Config& config) {
  if (config.calibration == config::CalibrationType::automatic) return "modelwise search";
  if (config.calibration == config::CalibrationType::mix) return "mix";
  return candidates(config).front().name;
}
}  // namespace

size_t candidate_count(const config::Config& config) { return candidates(config).size(); }

namespace {
struct Choice {
  std::string method;
  Candidate candidate;  // for the outputs
  std::vector<report::MethodScore> search = {};
};

// Sets the annotations.
Choice choose_ranges(graph::Graph& graph, const config::Config& config, const LowerOptions& int8_options,
                     const SampleReader& samples, const Statistics& statistics, const Plan& plan,
                     Checkpoint& checkpoint, const Reporter& reporter) {
  const std::vector<std::string> pictures = compiler::pictures(config);
  const Histograms& histograms = statistics.histograms;
  const auto list = candidates(config);
  const bool mix = config.calibration == config::CalibrationType::mix;
  const bool corrects = mix || config.calibration == config::CalibrationType::automatic ||
                        config::asks_for(config, "bias_correction");
  if (list.size() == 1 && !corrects) {
    apply(graph, pictures, histograms, [&](const graph::Value&) -> const Candidate& { return list[0]; });
    return {list[0].name, list[0]};
  }
  const graph::Graph real = graph.clone();
  const Judge judge(real, int8_options, samples, plan, checkpoint);
  const size_t tried = mix ? 1 : list.size();
  std::vector<graph::Graph> trials(tried);
  std::vector<double> scores(tried);
  std::mutex mutex;
  size_t done = 0;
  const auto attempt = [&](size_t c) {
    graph::Graph trial = graph.clone();
    apply(trial, pictures, histograms, [&](const graph::Value&) -> const Candidate& { return list[c]; });
    scores[c] = judge.score(trial, list[c].name);
    const std::lock_guard lock(mutex);
    trials[c] = std::move(trial);
    reporter.progress("search", ++done, tried);
  };
  try {
    calibration::in_parallel(tried, plan.search, attempt);
  } catch (const Interrupted&) {
    checkpoint.write();
    throw;
  }
  std::vector<report::MethodScore> search;
  size_t best = 0;
  for (size_t c = 0; c < tried; ++c) {
    search.push_back({list[c].name, scores[c], false});
    reporter.info(fmt::format("Calibration method {}: output cosine {:.6f}", list[c].name, scores[c]));
    if (scores[c] > scores[best]) best = c;
  }
  std::string method = list[best].name;
  double score = scores[best];
  search[best].used = true;
  graph = std::move(trials[best]);
  if (list.back().symmetric)
    reporter.info(
        fmt::format("Asymmetric quantization is {}.", list[best].symmetric ? "not enabled" : "enabled"));

  const auto keep_if_better = [&](graph::Graph other, const std::string& name, const std::string& what) {
    const double with = judge.score(other, name);
    reporter.info(fmt::format("{}: output cosine {:.6f}{}", what, with, with > score ? "" : " (not used)"));
    search.push_back({what, with, with > score});
    if (with <= score) return;
    method = name, score = with, graph = std::move(other);
  };
  if (mix) {
    const auto chosen =
        choose_per_tensor(graph, pictures, histograms, list, int8_options, samples, plan.threads, reporter);
    std::string lines;
    for (const auto& [name, c] : chosen) lines += fmt::format("\n  {}: {}", name, list[c].name);
    reporter.info(
        fmt::format("{} tensors are sensitive (cosine below {}){}", chosen.size(), kSensitive, lines));
    graph::Graph mixed = graph.clone();
    apply(mixed, pictures, histograms, [&](const graph::Value& v) -> const Candidate& {
      const auto it = chosen.find(v.name);
      return list[it == chosen.end() ? 0 : it->second];
    });
    if (!chosen.empty()) keep_if_better(std::move(mixed), "mix", "Methods per tensor");
  }
  if (corrects) {
    const std::string name = method;
    graph::Graph corrected = graph.clone();
    precision::correct_biases(corrected, statistics.means());
    keep_if_better(std::move(corrected), method + " with corrected biases", "Bias correction");
    method = name;
  }
  return {method, list[best], std::move(search)};
}
}  // namespace

Calibration calibrate(graph::Graph& graph, const config::Config& config, const LowerOptions& int8_options,
                      const SampleReader& samples, const Plan& plan, Checkpoint& checkpoint,
                      const Reporter& reporter) {
  reporter.info(fmt::format("Run calibration model with {} method.", method_words(config)));
  const auto codes = output_codes(config);
  if (codes) precision::observe_outputs(graph);
  const Statistics statistics = collect_statistics(graph, samples, plan, checkpoint, reporter);
  checkpoint.update(statistics);
  if (checkpoint.written()) checkpoint.write();
  auto [method, candidate, search] =
      choose_ranges(graph, config, int8_options, samples, statistics, plan, checkpoint, reporter);
  auto histograms = coarse_histograms(graph, statistics.histograms);
  if (codes) {
    // Each output by the method of the network; for mix by its own best one.
    const bool mix = config.calibration == config::CalibrationType::mix;
    const auto list = mix ? candidates(config) : std::vector{candidate};
    precision::quantize_outputs(graph, *codes, [&](const graph::Value& v) {
      const auto& histogram = histogram_of(statistics.histograms, v);
      std::vector<calibration::ClipRange> ranges;
      for (const Candidate& each : list) ranges.push_back(range_of(histogram, each, *codes));
      return *std::ranges::min_element(ranges, {}, [&](calibration::ClipRange range) {
        return calibration::expected_error(histogram, range);
      });
    });
  }
  return {method, std::move(search), std::move(histograms)};
}

}  // namespace openhb::compiler
