// SPDX-License-Identifier: Apache-2.0
#include "host/compiler/build.h"

#include <algorithm>
#include <thread>

namespace openhb::compiler {

std::string BuildOptions::text() const {
  std::string text = fmt::format("--O{}", level);
  if (objective.latency == 1)
    text += " --fast";
  else if (objective.latency == 0)
    text += " --ddr";
  else
    text += fmt::format(" --balance {:.0f}", objective.latency * 100);
  text += " --core-num 1";
  if (debug) text += " --debug";
  if (most_microseconds > 0) text += fmt::format(" --max-time-per-fc {:.0f}", most_microseconds);
  return text;
}

BuildOptions build_options(const config::Config& config, int threads) {
  BuildOptions options;
  options.level = config.optimize_level.at(1) - '0';
  if (config.compile_mode == "bandwidth") options.objective.latency = 0;
  if (config.compile_mode == "balance")
    options.objective.latency = static_cast<double>(config.balance_factor.value_or(0)) / 100;
  const int cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  options.jobs = std::min(config.jobs.value_or(threads), cores);
  options.debug = config.debug;
  options.most_microseconds = static_cast<double>(config.max_time_per_fc);
  options.advice_microseconds = static_cast<double>(config.advice);
  return options;
}

Program build_program(const graph::Graph& graph, LowerOptions lower, const BuildOptions& options,
                      SearchResult* searched) {
  lower.fold_steps = options.level >= 1;
  Draft draft = Lowering(graph, std::move(lower)).draft();
  if (options.level < 2) {
    plan_arena(draft, {.orders = 1, .chain_room = -1});
  } else if (options.level == 2) {
    choose_plan(draft, options.objective);
  } else {
    const SearchResult result = search_plan(draft, options.objective, options.jobs);
    if (searched) *searched = result;
  }
  drop_unused_tensors(draft.program);
  return std::move(draft.program);
}

}  // namespace openhb::compiler
