// SPDX-License-Identifier: Apache-2.0
// remove_node_type and remove_node_name.
#include "host/compiler/surgery.h"

#include <gtest/gtest.h>

#include "tests/host/compiler/small_graph.h"

namespace openhb {
namespace {

using compiler::Removal;
using test::SmallGraph;
using test::Value;

// NHWC -> Transpose -> Conv -> Transpose -> Reshape -> Softmax
struct Network {
  SmallGraph g{7, ops::kGraphOpset};
  Network() {
    Value* x = g.input({1, 6, 6, 3});
    Value* nchw = g.value("Transpose", {x}, {{"perm", std::vector<int64_t>{0, 3, 1, 2}}});
    Value* y = g.value("Conv", {nchw, g.weights({4, 3, 3, 3})});
    Value* nhwc = g.value("Transpose", {y}, {{"perm", std::vector<int64_t>{0, 2, 3, 1}}});
    Value* flat = g.value("Reshape", {nhwc, g.ints({1, 64})});
    g.output(g.value("Softmax", {flat}));
  }
  std::vector<std::string> ops() const {
    std::vector<std::string> list;
    for (const auto& node : g.graph.nodes()) list.push_back(node->op);
    return list;
  }
};

std::vector<std::string> gone(const std::vector<Removal>& removals) {
  std::vector<std::string> list;
  for (const Removal& r : removals)
    if (r.removed) list.push_back(r.op);
  return list;
}

using Words = std::vector<std::string>;

TEST(Surgery, TheOrderOfTypesMatters) {
  Network first;
  // Behind Softmax and Reshape the second Transpose is at the output.
  EXPECT_EQ(gone(compiler::remove_nodes(first.g.graph, {"Softmax", "Reshape", "Transpose"}, {})),
            (Words{"Softmax", "Reshape", "Transpose", "Transpose"}));
  EXPECT_EQ(first.ops(), Words{"Conv"});
  Network second;
  const auto removals = compiler::remove_nodes(second.g.graph, {"Transpose", "Reshape", "Softmax"}, {});
  EXPECT_EQ(gone(removals), (Words{"Transpose", "Softmax"}));
  EXPECT_EQ(second.ops(), (Words{"Conv", "Transpose", "Reshape"}));
  for (const Removal& r : removals)
    if (!r.removed) EXPECT_EQ(r.reason, "it stands at no input and no output of the model") << r.node;
}

TEST(Surgery, AnInputKeepsItsNameAndTakesTheResultsShape) {
  Network n;
  compiler::remove_nodes(n.g.graph, {"Transpose"}, {});
  ASSERT_EQ(n.g.graph.inputs.size(), 1u);
  EXPECT_EQ(n.g.graph.inputs[0]->name, "x0");
  EXPECT_EQ(n.g.graph.inputs[0]->shape, (Shape{1, 3, 6, 6}));
  ops::infer_shapes(n.g.graph);  // still sound
}

TEST(Surgery, AnOutputIsWhatTheNodeRead) {
  Network n;
  const std::string before = n.g.graph.find_node("Reshape")->outputs[0]->name;
  compiler::remove_nodes(n.g.graph, {}, {"Softmax"});
  ASSERT_EQ(n.g.graph.outputs.size(), 1u);
  EXPECT_EQ(n.g.graph.outputs[0]->name, before);
}

TEST(Surgery, NamesAreRemovedInTheirOrder) {
  Network n;
  EXPECT_EQ(gone(compiler::remove_nodes(n.g.graph, {}, {"Reshape", "Softmax"})), Words{"Softmax"});
  Network m;
  EXPECT_EQ(gone(compiler::remove_nodes(m.g.graph, {}, {"Softmax", "Reshape"})),
            (Words{"Softmax", "Reshape"}));
}

TEST(Surgery, WhatOthersReadStays) {
  SmallGraph g(8, ops::kGraphOpset);
  Value* x = g.input({1, 3, 4, 4});
  Value* moved = g.value("Transpose", {x}, {{"perm", std::vector<int64_t>{0, 1, 3, 2}}});
  Value* sum = g.value("Add", {x, moved});
  Value* soft = g.value("Softmax", {sum});
  g.graph.outputs = {soft};
  g.output(g.value("Relu", {soft}));
  const auto removals = compiler::remove_nodes(g.graph, {"Transpose", "Softmax"}, {});
  ASSERT_EQ(removals.size(), 2u);
  EXPECT_EQ(removals[0].reason, "other nodes read the input 'x0', too");
  EXPECT_EQ(removals[1].reason, fmt::format("other nodes read its result '{}', too", soft->name));
}

TEST(Surgery, NothingIsLeftBetweenInputAndOutput) {
  SmallGraph g(9, ops::kGraphOpset);
  g.output(g.value("Softmax", {g.input({1, 5})}));
  const auto removals = compiler::remove_nodes(g.graph, {"Softmax"}, {});
  ASSERT_EQ(removals.size(), 1u);
  EXPECT_FALSE(removals[0].removed);
  EXPECT_EQ(g.graph.nodes().size(), 1u);
}

TEST(Surgery, UnknownNamesAreErrorsWithASuggestion) {
  Network n;
  try {
    compiler::remove_nodes(n.g.graph, {}, {"Softmux"});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::config_bad_value);
    EXPECT_NE(std::string(error.what()).find("Did you mean 'Softmax'"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace openhb
