// SPDX-License-Identifier: Apache-2.0
#include "host/precision/activation.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "common/math/functions.h"
#include "host/ops/elementwise.h"
#include "host/precision/assign.h"

namespace openhb::precision {
namespace {

std::optional<std::function<double(double)>> function_of(const graph::Node& node) {
  const auto params = ops::unary_params_of(node);
  if (!params || !node.int8) return std::nullopt;
  return [p = *params](double x) {
    return math::evaluate_unary(p.function, x, static_cast<double>(p.alpha), static_cast<double>(p.beta));
  };
}

}  // namespace

std::optional<std::function<double(double)>> activation_of(const graph::Value& value,
                                                           const graph::Consumers& consumers,
                                                           const graph::Graph& graph) {
  const auto it = consumers.find(&value);
  if (it == consumers.end() || graph.is_output(&value)) return std::nullopt;
  const auto& users = it->second;
  if (users.size() == 1) return function_of(*users[0]);
  if (users.size() != 2) return std::nullopt;
  const bool first_is_mul = users[0]->op == "Mul";
  const graph::Node &mul = *users[first_is_mul ? 0 : 1], &unary = *users[first_is_mul ? 1 : 0];
  if (mul.op != "Mul" || !mul.int8 || graph.is_output(unary.outputs[0])) return std::nullopt;
  const auto inner = consumers.find(unary.outputs[0]);
  if (inner == consumers.end() || inner->second.size() != 1 || inner->second[0] != &mul) return std::nullopt;
  const auto g = function_of(unary);
  if (!g) return std::nullopt;
  return [g = *g](double x) { return x * g(x); };
}

calibration::ClipRange range_behind(const std::function<double(double)>& g,
                                    const calibration::Histogram& histogram, calibration::ClipRange widest) {
  struct Bin {
    float x;
    double g, count;
  };
  std::vector<Bin> bins;
  const double width = histogram.range() / calibration::Histogram::kBins;
  for (int i = 0; i < calibration::Histogram::kBins; ++i) {
    const double centre = (i + 0.5) * width;
    const auto k = static_cast<size_t>(i);
    if (const auto n = histogram.positive()[k])
      bins.push_back({static_cast<float>(centre), g(centre), static_cast<double>(n)});
    if (const auto n = histogram.negative()[k])
      bins.push_back({static_cast<float>(-centre), g(-centre), static_cast<double>(n)});
  }
  auto error = [&](calibration::ClipRange range) {
    const QuantParams q = quant_of_range(range);
    std::array<double, 256> behind{};
    for (int c = -128; c < 128; ++c)
      behind[static_cast<size_t>(c + 128)] =
          g(static_cast<double>(static_cast<float>(c - q.zero_point()) * q.scale()));
    double sum = 0;
    for (const Bin& b : bins) {
      const float code =
          std::clamp(std::nearbyint(b.x / q.scale()) + static_cast<float>(q.zero_point()), -128.0f, 127.0f);
      const double d = b.g - behind[static_cast<size_t>(code + 128.0f)];
      sum += b.count * d * d;
    }
    return sum;
  };
  constexpr int kSteps = 16;
  calibration::ClipRange best = widest;
  double least = error(widest);
  for (int i = 0; i <= kSteps; ++i)
    for (int j = 1; j <= kSteps; ++j) {
      const calibration::ClipRange range{widest.lo * static_cast<float>(i) / kSteps,
                                         widest.hi * static_cast<float>(j) / kSteps};
      if (range.hi <= 0 && range.lo >= 0) continue;
      if (const double e = error(range); e < least) least = e, best = range;
    }
  return best;
}

}  // namespace openhb::precision
