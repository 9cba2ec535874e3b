// SPDX-License-Identifier: Apache-2.0
#include "host/compiler/methods.h"

#include <algorithm>

#include "host/precision/activation.h"
#include "host/precision/assign.h"

namespace openhb::compiler {
namespace {

using calibration::ClipRange;
using calibration::Method;

Candidate percentile_candidate(double p) {
  return {fmt::format("max-percentile:percentile={}", p), Method::percentile, p};
}

std::vector<Candidate> methods(const config::Config& config) {
  using config::CalibrationType;
  const Candidate max{"max", Method::max, 1.0}, kl{"kl", Method::kl, 1.0}, mse{"mse", Method::mse, 1.0};
  switch (config.calibration) {
    case CalibrationType::max:
      return {config.max_percentile < 1.0 ? percentile_candidate(config.max_percentile) : max};
    case CalibrationType::skip:
    case CalibrationType::load:  // not calibrated
      return {max};
    case CalibrationType::percentile:
      return {percentile_candidate(config.max_percentile)};
    case CalibrationType::kl:
      return {kl};
    case CalibrationType::mse:
      return {mse};
    case CalibrationType::mix:  // the first one for the whole network
      return {kl, max, percentile_candidate(0.99995)};
    case CalibrationType::automatic:
      return {max, percentile_candidate(0.99995), kl, mse};
  }
  return {max};
}

}  // namespace

std::vector<Candidate> candidates(const config::Config& config) {
  std::vector<Candidate> list = methods(config);
  if (!config::asks_for(config, "asymmetric")) return list;
  for (Candidate c : methods(config)) {
    c.name += ", symmetric";
    c.symmetric = true;
    list.push_back(std::move(c));
  }
  return list;
}

const calibration::Histogram& histogram_of(const Histograms& histograms, const graph::Value& value) {
  const auto it = histograms.find(value.name);
  if (it == histograms.end())
    fail(ErrorCode::internal, "tensor '{}' was not seen during calibration", value.name);
  if (it->second.count() == 0)
    fail(ErrorCode::quantize_failed,
         "tensor '{}' held no finite value in any calibration sample; check the data", value.name);
  return it->second;
}

ClipRange range_of(const calibration::Histogram& histogram, const Candidate& candidate, DType codes) {
  if (codes != DType::i16)
    return calibration::choose_range(histogram, candidate.method, candidate.percentile, candidate.symmetric);
  const Method method = candidate.method == Method::percentile ? Method::percentile : Method::max;
  return calibration::choose_range(histogram, method, candidate.percentile, false);
}

void apply(graph::Graph& graph, const std::vector<std::string>& pictures, const Histograms& histograms,
           const std::function<const Candidate&(const graph::Value&)>& choice) {
  const auto consumers = graph.consumers();
  auto ranges = [&] {
    precision::apply_ranges(graph, pictures, [&](const graph::Value& v) {
      const Candidate& c = choice(v);
      const calibration::Histogram& histogram = histogram_of(histograms, v);
      const ClipRange range = range_of(histogram, c, v.codes);
      if (v.codes == DType::i16) return range;
      const auto activation = precision::activation_of(v, consumers, graph);
      return activation && !c.symmetric ? precision::range_behind(*activation, histogram, range) : range;
    });
  };
  ranges();
  while (precision::demote_overflowing(graph)) ranges();
}

}  // namespace openhb::compiler
