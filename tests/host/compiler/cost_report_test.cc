// SPDX-License-Identifier: Apache-2.0
#include "host/compiler/cost_report.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/host/compiler/annotated.h"

namespace openhb::compiler {
namespace {

using test::SmallGraph;

// A 1x1 convolution of 3 to 5 channels on 8x8 pixels: kernels work on 4 and 16.
Program padded(SmallGraph& g) {
  g.output(g.value("Conv", {g.input({1, 3, 8, 8}), g.weights({5, 3, 1, 1}), g.weights({5})}));
  test::annotate(g.graph);
  return build_program(g.graph, test::integers(), {});
}

size_t convolution(const Program& program) {
  for (size_t s = 0; s < program.steps.size(); ++s)
    if (std::holds_alternative<ConvParams>(program.steps[s].params)) return s;
  ADD_FAILURE() << "no convolution";
  return 0;
}

TEST(CostReportTest, PaddingIsCounted) {
  SmallGraph g(1);
  const Program program = padded(g);
  const StepEstimate e = estimate_steps(program)[convolution(program)];
  EXPECT_EQ(e.macs, 64 * 3 * 5);
  EXPECT_EQ(e.padded_macs, 64 * 4 * 16);
  EXPECT_EQ(e.shape, (Shape{1, 8, 8, 5}));
  EXPECT_EQ(e.aligned, (Shape{1, 8, 8, 16}));
  EXPECT_GT(e.cycles, e.least_cycles);
  EXPECT_GE(e.least_cycles, 60);
}

TEST(CostReportTest, AdviceNamesWhatIsSlowerThanItMust) {
  SmallGraph g(1);
  const Program program = padded(g);
  const auto estimates = estimate_steps(program);
  const auto lines = advice(program, estimates, 0.01);
  const auto it =
      std::find_if(lines.begin(), lines.end(), [](const std::string& l) { return l.starts_with("Conv of"); });
  ASSERT_NE(it, lines.end());
  EXPECT_NE(it->find("output 1x8x8x5, aligned 1x8x8x16; 76.6 % of the multiplications are padding"),
            std::string::npos)
      << *it;
  EXPECT_TRUE(advice(program, estimates, 1e9).empty());
}

TEST(CostReportTest, LayersAddUpToTheProgram) {
  SmallGraph g(2);
  test::random_network(g);
  const Program program = build_program(g.graph, test::integers(), {});
  const auto estimates = estimate_steps(program);
  const auto json = nlohmann::json::parse(layer_costs(program, estimates));
  int64_t ops = 0, bytes = 0;
  double last = 0;
  std::set<std::string> names;
  for (const auto& layer : json) {
    EXPECT_TRUE(names.insert(layer["layer"]).second) << layer["layer"];
    ops += layer["ops"].get<int64_t>(), bytes += layer["bytes"].get<int64_t>();
    last = std::max(last, layer["active_us"][1].get<double>());
  }
  const ProgramEstimate sum = total(estimates);
  int64_t macs = 0;
  for (const StepEstimate& e : estimates) macs += e.macs;
  EXPECT_EQ(ops, 2 * macs);
  EXPECT_EQ(bytes, sum.loaded + sum.stored);
  EXPECT_NEAR(last, sum.microseconds(), 0.1);
}

TEST(CostReportTest, StretchesBetweenPreemptionPointsKeepTheLimit) {
  std::vector<StepEstimate> steps;
  for (const double us : {300, 300, 300, 900, 5000, 100, 100}) {
    steps.emplace_back();
    steps.back().cycles = us * kCyclesPerMicrosecond;
  }
  EXPECT_EQ(preemption_points(steps, 1000), (std::vector<size_t>{2, 3, 4}));
  EXPECT_TRUE(preemption_points(steps, 1e6).empty());
  EXPECT_TRUE(preemption_points({}, 1000).empty());
}

}  // namespace
}  // namespace openhb::compiler
