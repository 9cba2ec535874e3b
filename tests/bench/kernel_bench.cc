// SPDX-License-Identifier: Apache-2.0
// Google Benchmark: single layers on every ISA level of this machine, and what its multipliers can do at
// most.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "tests/bench/layers.h"
#include "tests/bench/peak.h"

namespace {

using namespace openhb;

void run_layer(benchmark::State& state, const bench::Layer& layer, const std::string& level) {
  const auto model = layer.make();
  engine::Session session(model, {.cpu = isa_level(level) & detect_cpu()});
  bench::fill_inputs(session);
  for (auto _ : state) session.run();
  Cost cost;
  for (size_t i = 0; i < model->program().steps.size(); ++i) {
    cost.macs += model->cost(i).macs;
    cost.bytes += model->cost(i).bytes;
  }
  constexpr auto kRate = benchmark::Counter::kIsIterationInvariantRate;
  if (cost.macs > 0) state.counters["MAC"] = benchmark::Counter(static_cast<double>(cost.macs), kRate);
  state.counters["bytes"] = benchmark::Counter(static_cast<double>(cost.bytes), kRate);
  state.SetLabel(session.row(0));
}

void run_peak(benchmark::State& state, const bench::Peak& peak) {
  for (auto _ : state) peak.run();
  state.counters["MAC"] = benchmark::Counter(static_cast<double>(bench::kPeakRounds * peak.macs_per_round),
                                             benchmark::Counter::kIsIterationInvariantRate);
}

}  // namespace

int main(int argc, char** argv) {
  for (const bench::Peak& peak : bench::peaks())
    if ((peak.needs & ~detect_cpu()) == 0)
      benchmark::RegisterBenchmark(fmt::format("peak/{}", peak.name).c_str(), run_peak, peak);
  for (const bench::Layer& layer : bench::layers())
    for (const std::string& level : runnable_isa_levels())
      if (level != "ref")
        benchmark::RegisterBenchmark(fmt::format("{}/{}", layer.name, level).c_str(), run_layer, layer, level)
            ->Unit(benchmark::kMicrosecond);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
