// SPDX-License-Identifier: Apache-2.0
#include "host/compiler/cost_report.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace openhb::compiler {
namespace {

double microseconds(double cycles) { return cycles / kCyclesPerMicrosecond; }
// Tenths are more than an estimate knows.
double rounded(double value) { return std::round(value * 10) / 10; }

}  // namespace

std::vector<std::string> advice(const Program& program, const std::vector<StepEstimate>& steps,
                                double limit) {
  std::vector<std::string> lines;
  for (size_t s = 0; s < steps.size(); ++s) {
    const StepEstimate& e = steps[s];
    const double lost = microseconds(e.cycles - e.least_cycles);
    if (lost <= limit) continue;
    std::string padding = "no padding";
    if (e.padded_macs > e.macs)
      padding = fmt::format("{:.1f} % of the multiplications are padding",
                            100 * (1 - static_cast<double>(e.macs) / static_cast<double>(e.padded_macs)));
    lines.push_back(fmt::format(
        "{} of node '{}': estimated {:.0f} us, {:.0f} us more than its theoretical {:.0f} us; output {}, "
        "aligned {}; {}",
        step_name(program.steps[s].params), program.steps[s].node, microseconds(e.cycles), lost,
        microseconds(e.least_cycles), to_string(e.shape), to_string(e.aligned), padding));
  }
  return lines;
}

std::string layer_costs(const Program& program, const std::vector<StepEstimate>& steps) {
  struct Layer {
    std::string name;
    int64_t macs = 0, bytes = 0;
    double cycles = 0, memory_cycles = 0, first = 0, last = 0;
    Shape shape = {}, aligned = {};
    int64_t most = -1;
  };
  std::vector<Layer> layers;
  double now = 0;
  for (size_t s = 0; s < steps.size(); ++s) {
    const StepEstimate& e = steps[s];
    auto it = std::find_if(layers.begin(), layers.end(),
                           [&](const Layer& layer) { return layer.name == program.steps[s].node; });
    if (it == layers.end()) {
      it = layers.emplace(it);
      it->name = program.steps[s].node, it->first = now;
    }
    now += e.cycles + e.memory_cycles();
    it->macs += e.macs, it->bytes += e.loaded + e.stored;
    it->cycles += e.cycles, it->memory_cycles += e.memory_cycles();
    it->last = now;
    if (e.macs > it->most) it->most = e.macs, it->shape = e.shape, it->aligned = e.aligned;
  }
  auto json = nlohmann::ordered_json::array();
  for (const Layer& layer : layers)
    json.push_back({{"layer", layer.name},
                    {"ops", 2 * layer.macs},
                    {"bytes", layer.bytes},
                    {"computing_us", rounded(microseconds(layer.cycles))},
                    {"load_store_us", rounded(microseconds(layer.memory_cycles))},
                    {"shape", layer.shape},
                    {"aligned_shape", layer.aligned},
                    {"active_us", {rounded(microseconds(layer.first)), rounded(microseconds(layer.last))}}});
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::vector<size_t> preemption_points(const std::vector<StepEstimate>& steps, double limit) {
  std::vector<size_t> points;
  double since = 0;
  for (size_t s = 0; s < steps.size(); ++s) {
    const double own = microseconds(steps[s].cycles + steps[s].memory_cycles());
    if (s > 0 && since + own > limit) points.push_back(s - 1), since = 0;
    since += own;
  }
  return points;
}

}  // namespace openhb::compiler
