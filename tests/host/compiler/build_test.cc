// SPDX-License-Identifier: Apache-2.0
// Levels, modes and jobs change what a program costs, never what it computes.
#include <gtest/gtest.h>

#include <map>
#include <thread>

#include "common/program/file.h"
#include "device/engine/model.h"
#include "tests/host/compiler/annotated.h"

namespace openhb::compiler {
namespace {

using test::SmallGraph;

Program build(const graph::Graph& graph, int level, double latency = 1, int jobs = 1) {
  return build_program(graph, test::integers(), {.level = level, .objective = {latency}, .jobs = jobs});
}

std::vector<std::vector<std::byte>> results(Program program, const std::vector<Tensor>& inputs) {
  GraphRunner runner(engine::Model::create(std::move(program)), 1);
  runner.run(inputs);
  std::vector<std::vector<std::byte>> all;
  for (size_t i = 0; i < runner.program().outputs.size(); ++i) {
    const Tensor output = runner.output(i);
    all.emplace_back(output.bytes().begin(), output.bytes().end());
  }
  return all;
}

TEST(BuildTest, AllLevelsAndModesComputeTheSameBits) {
  size_t fewer = 0;
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    SmallGraph g(seed);
    test::random_network(g);
    const auto inputs = test::random_inputs(g);
    const Program straight = build(g.graph, 0);
    const auto expected = results(straight, inputs);
    for (const int level : {1, 2, 3})
      for (const double latency : {0.0, 0.5, 1.0}) {
        Program program = build(g.graph, level, latency);
        fewer += program.steps.size() < straight.steps.size();
        EXPECT_EQ(results(std::move(program), inputs), expected) << level << " " << latency;
      }
  }
  EXPECT_GT(fewer, 90u);  // of 180: folding did happen
}

TEST(BuildTest, SearchedStepsStillCompleteWhatTheySay) {
  for (uint32_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    SmallGraph g(seed);
    test::random_network(g);
    const auto inputs = test::random_inputs(g);
    const auto named = [&](int level) {
      std::map<std::string, std::vector<std::byte>> tensors;
      GraphRunner runner(engine::Model::create(build(g.graph, level, 0)), 1);
      runner.run(inputs, [&](const TensorDesc& desc, const std::byte* data) {
        Tensor dense(desc.dtype, desc.logical_shape());
        engine::load_tensor(desc, data, dense.bytes());
        tensors[desc.name].assign(dense.bytes().begin(), dense.bytes().end());
      });
      return tensors;
    };
    EXPECT_EQ(named(2), named(3));
  }
}

TEST(BuildTest, TheSearchFindsABetterOrder) {
  SmallGraph g(1);
  test::wide_branches(g);
  const PlanCost straight = cost_of(build(g.graph, 0)), compared = cost_of(build(g.graph, 2, 0));
  const PlanCost searched = cost_of(build(g.graph, 3, 0));
  EXPECT_LE(compared.arena, straight.arena);
  EXPECT_LT(static_cast<double>(searched.arena), 0.6 * static_cast<double>(compared.arena));
}

TEST(BuildTest, ModesMinimiseWhatTheySay) {
  for (uint32_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    SmallGraph g(seed);
    test::random_network(g);
    // Of the same few plans: the more time counts, the less there is of it, and the more memory.
    PlanCost before = cost_of(build(g.graph, 2, 0));
    for (const double latency : {0.25, 0.5, 0.75, 1.0}) {
      const PlanCost next = cost_of(build(g.graph, 2, latency));
      EXPECT_LE(next.cycles, before.cycles);
      EXPECT_GE(next.arena, before.arena);
      before = next;
    }
    const PlanCost fast = cost_of(build(g.graph, 3, 1)), small = cost_of(build(g.graph, 3, 0));
    EXPECT_LE(small.arena, cost_of(build(g.graph, 2, 0)).arena);
    EXPECT_TRUE(fast.cycles <= before.cycles || fast.arena < before.arena);
  }
}

TEST(BuildTest, JobsDoNotMatter) {
  SmallGraph g(3);
  test::random_network(g);
  const auto one = serialize_program(build(g.graph, 3, 0.3, 1));
  EXPECT_EQ(serialize_program(build(g.graph, 3, 0.3, 4)), one);
  EXPECT_EQ(serialize_program(build(g.graph, 3, 0.3, 1)), one);
}

TEST(BuildTest, OptionsComeFromTheConfiguration) {
  config::Config config;
  EXPECT_EQ(build_options(config, 1).text(), "--O0 --fast --core-num 1 --debug");
  config.optimize_level = "O3", config.compile_mode = "bandwidth", config.debug = false;
  config.max_time_per_fc = 2000;
  EXPECT_EQ(build_options(config, 1).text(), "--O3 --ddr --core-num 1 --max-time-per-fc 2000");
  config.compile_mode = "balance", config.balance_factor = 40, config.max_time_per_fc = 0;
  EXPECT_EQ(build_options(config, 1).text(), "--O3 --balance 40 --core-num 1");
  config.jobs = 1000;
  EXPECT_LE(build_options(config, 1).jobs, static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace
}  // namespace openhb::compiler
