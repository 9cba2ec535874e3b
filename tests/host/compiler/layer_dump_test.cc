// SPDX-License-Identifier: Apache-2.0
#include "host/compiler/layer_dump.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "tests/host/compiler/annotated.h"

namespace openhb::compiler {
namespace {

using test::SmallGraph;

TEST(LayerDumpTest, OutputsAreAddedAndNothingElseChanges) {
  for (uint32_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    SmallGraph g(seed);
    test::random_network(g);
    const auto inputs = test::random_inputs(g);
    graph::Graph dumping = g.graph.clone();
    const auto kept = keep_conv_outputs(dumping);
    const auto count = std::count_if(g.graph.nodes().begin(), g.graph.nodes().end(),
                                     [](const auto& node) { return node->op == "Conv"; });
    EXPECT_EQ(kept.size(), static_cast<size_t>(count));
    const auto run = [&](const graph::Graph& graph, int level, const GraphRunner::Observer& observer) {
      GraphRunner runner(engine::Model::create(build_program(graph, test::integers(), {.level = level})), 1);
      runner.run(inputs, observer);
      std::map<std::string, std::vector<float>> outputs;
      for (size_t i = 0; i < graph.outputs.size(); ++i) {
        const Tensor t = runner.output(i);
        EXPECT_EQ(t.dtype(), DType::f32);
        outputs[runner.program().outputs[i].name].assign(t.data<float>().begin(), t.data<float>().end());
      }
      return outputs;
    };
    std::map<std::string, std::vector<float>> inner;  // of the program without further outputs
    const auto usual = run(g.graph, 0, [&](const TensorDesc& desc, const std::byte* data) {
      inner[desc.name] = real_values(desc, data);
    });
    for (const int level : {0, 2, 3}) {
      const auto dumped = run(dumping, level, {});
      for (const auto& [name, values] : usual) EXPECT_EQ(dumped.at(name), values) << name;
      for (const ConvOutput& conv : kept) {
        ASSERT_TRUE(inner.contains(conv.output)) << conv.output;
        EXPECT_EQ(dumped.at(conv.output), inner.at(conv.output)) << conv.conv;
      }
    }
  }
}

TEST(LayerDumpTest, TheMapNamesOutputAndActivation) {
  SmallGraph g(1);
  test::wide_branches(g, 2);
  graph::Graph dumping = g.graph.clone();
  const auto json = nlohmann::json::parse(conv_output_map(keep_conv_outputs(dumping), dumping));
  EXPECT_EQ(json.size(), 5u);
  size_t activations = 0;
  for (const auto& [conv, entry] : json.items()) {
    const graph::Value* value = dumping.find_value(entry.at("output").get<std::string>());
    ASSERT_NE(value, nullptr);
    EXPECT_TRUE(dumping.is_output(value));
    EXPECT_EQ(entry.at("shape").get<Shape>(), value->shape);
    if (!entry.contains("activation")) continue;
    ++activations;
    EXPECT_EQ(value->producer->name, entry["activation"].get<std::string>());
    EXPECT_EQ(entry.at("codes"), "int8");
  }
  EXPECT_EQ(activations, 2u);
}

}  // namespace
}  // namespace openhb::compiler
