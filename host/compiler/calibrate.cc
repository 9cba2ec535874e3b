// SPDX-License-Identifier: Apache-2.0
#include "host/compiler/calibrate.h"

#include <algorithm>
#include <cmath>

#include "host/calibration/coarse.h"
#include "host/passes/preprocess.h"
#include "host/precision/activation.h"
#include "host/precision/bias_correction.h"

namespace openhb::compiler {
namespace {

using calibration::ClipRange;
using calibration::Histogram;
using calibration::Method;

struct Candidate {
  std::string name;
  Method method;
  double percentile;
};

std::vector<Candidate> candidates(const config::Config& config) {
  using config::CalibrationType;
  const Candidate max{"max", Method::max, 1.0}, kl{"kl", Method::kl, 1.0}, mse{"mse", Method::mse, 1.0};
  auto percentile = [](double p) {
    return Candidate{fmt::format("max-percentile:percentile={}", p), Method::percentile, p};
  };
  switch (config.calibration) {
    case CalibrationType::max:
      return {config.max_percentile < 1.0 ? percentile(config.max_percentile) : max};
    case CalibrationType::skip:
    case CalibrationType::load:  // not calibrated
      return {max};
    case CalibrationType::percentile:
      return {percentile(config.max_percentile)};
    case CalibrationType::kl:
      return {kl};
    case CalibrationType::mse:
      return {mse};
    case CalibrationType::automatic:
      return {max, percentile(0.99995), kl, mse};
  }
  return {max};
}

void apply(graph::Graph& graph, const std::vector<std::string>& pictures, const Histograms& histograms,
           const Candidate& c) {
  const auto consumers = graph.consumers();
  auto ranges = [&] {
    precision::apply_ranges(graph, pictures, [&](const graph::Value& v) {
      const auto it = histograms.find(v.name);
      if (it == histograms.end())
        fail(ErrorCode::internal, "tensor '{}' was not seen during calibration", v.name);
      if (it->second.count() == 0)
        fail(ErrorCode::quantize_failed,
             "tensor '{}' held no finite value in any calibration sample; check the data", v.name);
      if (v.codes == DType::i16)  // codes enough for the whole range
        return calibration::choose_range(it->second,
                                         c.method == Method::percentile ? Method::percentile : Method::max,
                                         c.percentile, false);
      const ClipRange range = calibration::choose_range(it->second, c.method, c.percentile, false);
      const auto activation = precision::activation_of(v, consumers, graph);
      return activation ? precision::range_behind(*activation, it->second, range) : range;
    });
  };
  ranges();
  while (precision::demote_overflowing(graph)) ranges();
}

// Mean output cosine between float and int8 on the first samples.
class Judge {
 public:
  Judge(const graph::Graph& graph, const LowerOptions& int8_options, const SampleReader& samples, int threads)
      : options_(int8_options),
        samples_(samples),
        threads_(threads),
        judged_(std::min<size_t>(samples.size(), 4)) {
    GraphRunner runner(graph, {}, threads);
    for (size_t s = 0; s < judged_; ++s) {
      runner.run(samples.floats(s));
      for (size_t o = 0; o < graph.outputs.size(); ++o) expected_.push_back(runner.output(o));
    }
  }
  double score(const graph::Graph& graph) const {
    GraphRunner runner(graph, options_, threads_);
    double sum = 0;
    size_t counted = 0;
    for (size_t s = 0; s < judged_; ++s) {
      runner.run(samples_.program_inputs(s));
      for (size_t o = 0; o < graph.outputs.size(); ++o) {
        const Tensor& expected = expected_[s * graph.outputs.size() + o];
        if (expected.dtype() != DType::f32) continue;
        sum += cosine(expected.data<float>(), runner.output(o).data<float>());
        ++counted;
      }
    }
    return sum / static_cast<double>(std::max<size_t>(counted, 1));
  }

 private:
  const LowerOptions& options_;
  const SampleReader& samples_;
  int threads_;
  size_t judged_;
  std::vector<Tensor> expected_;
};

precision::ChannelMeans channel_means(const graph::Graph& graph, const SampleReader& samples, int threads) {
  precision::ChannelMeans means;
  for (const graph::Value* v : precision::values_for_bias_correction(graph)) means[v->name];
  const size_t count = std::min<size_t>(samples.size(), 16);
  GraphRunner runner(graph, {}, threads);
  for (size_t s = 0; s < count; ++s)
    runner.run(samples.floats(s), [&](const TensorDesc& desc, const std::byte* data) {
      const auto it = means.find(desc.name);
      if (it == means.end()) return;
      const Shape shape = desc.logical_shape();
      const size_t axis = shape.size() >= 3 ? 1 : shape.size() - 1;  // of channels
      const auto channels = static_cast<size_t>(shape[axis]),
                 inner = static_cast<size_t>(dense_strides(shape)[axis]);
      const std::vector<float> values = real_values(desc, data);
      it->second.resize(channels, 0.0);
      const double each = static_cast<double>(values.size() / channels * count);
      for (size_t i = 0; i < values.size(); ++i)
        it->second[i / inner % channels] += static_cast<double>(values[i]) / each;
    });
  return means;
}

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
  for (size_t i = 0; i < graph_.inputs.size(); ++i) {
    Tensor t = dataset_.load(sample, i);
    const config::InputConfig& input = config_.inputs[i];
    if (input.kind_rt != InputKind::featuremap) {
      // Training colours to run-time colours, then centred.
      const auto order = passes::colour_order(input.kind_train, input.kind_rt);
      const auto n = order.size(), plane = t.size() / n;
      Tensor moved(DType::f32, t.shape());
      const auto from = t.data<float>();
      auto to = moved.data<float>();
      for (size_t c = 0; c < n; ++c)
        for (size_t p = 0; p < plane; ++p) {
          const size_t source = input.nhwc_train ? p * n + c : c * plane + p;
          const size_t target = input.nhwc_train ? p * n + order[c] : order[c] * plane + p;
          to[target] = from[source] - 128.0f;
        }
      t = std::move(moved);
    }
    out.push_back(std::move(t));
  }
  return out;
}

std::vector<Tensor> SampleReader::program_inputs(size_t sample) const {
  std::vector<Tensor> out = floats(sample);
  for (size_t i = 0; i < out.size(); ++i) {
    if (config_.inputs[i].kind_rt == InputKind::featuremap) continue;
    const auto values = out[i].data<float>();
    const Shape& s = out[i].shape();
    const bool from_nhwc = config_.inputs[i].nhwc_train, to_nhwc = config_.inputs[i].nhwc_rt;
    const auto channels = static_cast<size_t>(s[from_nhwc ? 3 : 1]), plane = values.size() / channels;
    Tensor pixels(DType::u8, from_nhwc == to_nhwc ? s
                             : to_nhwc            ? Shape{s[0], s[2], s[3], s[1]}
                                                  : Shape{s[0], s[3], s[1], s[2]});
    for (size_t c = 0; c < channels; ++c)
      for (size_t p = 0; p < plane; ++p) {
        const float v = values[from_nhwc ? p * channels + c : c * plane + p] + 128.0f;
        pixels.data<uint8_t>()[to_nhwc ? p * channels + c : c * plane + p] =
            static_cast<uint8_t>(std::clamp(std::nearbyint(v), 0.0f, 255.0f));
      }
    out[i] = std::move(pixels);
  }
  return out;
}

Histograms collect_histograms(const graph::Graph& graph, const SampleReader& samples, int threads,
                              const Reporter& reporter) {
  Histograms histograms;
  for (const graph::Value* v : precision::values_to_calibrate(graph)) histograms[v->name];
  GraphRunner runner(graph, {}, threads);
  for (size_t s = 0; s < samples.size(); ++s) {
    const auto inputs = samples.floats(s);
    for (size_t i = 0; i < graph.inputs.size(); ++i)
      if (const auto it = histograms.find(graph.inputs[i]->name); it != histograms.end())
        it->second.add(inputs[i].data<float>());
    runner.run(inputs, [&](const TensorDesc& desc, const std::byte* data) {
      const auto it = histograms.find(desc.name);
      if (it == histograms.end() || desc.dtype != DType::f32) return;
      if (desc.dense()) {
        it->second.add({reinterpret_cast<const float*>(data), static_cast<size_t>(desc.elements())});
      } else {
        it->second.add(real_values(desc, data));
      }
    });
    reporter.progress("calibration", s + 1, samples.size());
  }
  for (const auto& [name, h] : histograms)
    if (h.non_finite() > 0)
      reporter.warn(
          fmt::format("tensor '{}' held {} NaN or infinite values during calibration; they were ignored",
                      name, h.non_finite()));
  return histograms;
}

Calibration calibrate(graph::Graph& graph, const config::Config& config, const LowerOptions& int8_options,
                      const SampleReader& samples, int threads, const Reporter& reporter) {
  std::vector<std::string> pictures;
  for (const auto& [name, image] : int8_options.images) pictures.push_back(name);
  const Histograms histograms = collect_histograms(graph, samples, threads, reporter);
  const auto list = candidates(config);
  if (list.size() == 1) {
    apply(graph, pictures, histograms, list[0]);
    return {list[0].name, {}, coarse_histograms(graph, histograms)};
  }
  const Judge judge(graph, int8_options, samples, threads);
  std::vector<bool> placement;
  for (const auto& n : graph.nodes()) placement.push_back(n->int8);
  auto restore = [&] {
    for (size_t i = 0; i < placement.size(); ++i) graph.nodes()[i]->int8 = placement[i];
  };
  size_t best = 0;
  double best_score = -2;
  std::vector<report::MethodScore> search;
  for (size_t c = 0; c < list.size(); ++c) {
    restore();
    apply(graph, pictures, histograms, list[c]);
    const double score = judge.score(graph);
    reporter.info(fmt::format("Calibration method {}: output cosine {:.6f}", list[c].name, score));
    search.push_back({list[c].name, score, false});
    if (score > best_score) best = c, best_score = score;
    reporter.progress("search", c + 1, list.size());
  }
  restore();
  apply(graph, pictures, histograms, list[best]);
  search[best].used = true;

  graph::Graph corrected = graph.clone();
  precision::correct_biases(corrected, channel_means(corrected, samples, threads));
  const double score = judge.score(corrected);
  reporter.info(
      fmt::format("Bias correction: output cosine {:.6f}{}", score, score > best_score ? "" : " (not used)"));
  search.push_back({"bias correction", score, score > best_score});
  if (score > best_score) graph = std::move(corrected);
  return {list[best].name, std::move(search), coarse_histograms(graph, histograms)};
}

}  // namespace openhb::compiler
