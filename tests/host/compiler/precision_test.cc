// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "host/precision/assign.h"
#include "tests/host/compiler/small_graph.h"

namespace openhb {
namespace {

using test::Node;
using test::SmallGraph;
using test::Value;

// x -> Conv_0 -> Relu -> Conv_1 -> Sigmoid -> Softmax
struct Network : SmallGraph {
  Node *first, *relu, *second, *sigmoid, *softmax;
  explicit Network(float weight = 1) : SmallGraph(1) {
    first = node("Conv", {input({1, 4, 3, 3}), weights({4, 4, 1, 1}, -weight, weight)});
    relu = node("Relu", {first->outputs[0]});
    second = node("Conv", {relu->outputs[0], weights({4, 4, 1, 1})});
    sigmoid = node("Sigmoid", {second->outputs[0]});
    softmax = node("Softmax", {sigmoid->outputs[0]}, {{"axis", int64_t{1}}});
    output(softmax->outputs[0]);
  }
};

void expect_reasons(const graph::Graph& graph) {
  for (const auto& n : graph.nodes())
    EXPECT_EQ(n->int8, n->reason.empty()) << n->describe() << ": " << n->reason;
}

TEST(PrecisionTest, TailBehindTheLastConvolutionIsFloat) {
  Network g;
  precision::assign_precision(g.graph, {});
  expect_reasons(g.graph);
  for (const Node* n : {g.first, g.relu, g.second}) EXPECT_TRUE(n->int8) << n->name;
  for (const Node* n : {g.sigmoid, g.softmax}) EXPECT_FALSE(n->int8) << n->name;
  EXPECT_NE(g.sigmoid->reason.find("run_on_bpu"), std::string::npos) << g.sigmoid->reason;
}

TEST(PrecisionTest, UserChoices) {
  Network g;
  precision::assign_precision(g.graph, {{g.first->name}, {g.sigmoid->name}});
  expect_reasons(g.graph);
  EXPECT_FALSE(g.first->int8);
  EXPECT_NE(g.first->reason.find("run_on_cpu"), std::string::npos);
  EXPECT_TRUE(g.second->int8);
  EXPECT_TRUE(g.sigmoid->int8);
  EXPECT_FALSE(g.softmax->int8);
  precision::assign_precision(g.graph, {});  // earlier choices leave no trace
  EXPECT_TRUE(g.first->int8);
  EXPECT_FALSE(g.sigmoid->int8);
}

TEST(PrecisionTest, UnknownNameIsAnErrorWithASuggestion) {
  Network g;
  std::string wrong = g.sigmoid->name;
  std::swap(wrong[2], wrong[3]);
  for (bool cpu : {true, false}) {
    const std::vector<std::string> names{wrong}, none;
    try {
      precision::assign_precision(g.graph, {cpu ? names : none, cpu ? none : names});
      FAIL() << "accepted " << wrong;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::config_bad_value);
      EXPECT_NE(std::string(e.what()).find(cpu ? "run_on_cpu" : "run_on_bpu"), std::string::npos) << e.what();
      EXPECT_NE(std::string(e.what()).find(g.sigmoid->name), std::string::npos) << e.what();
    }
  }
}

TEST(PrecisionTest, NodesBetweenFloatNeighboursAreFloat) {
  SmallGraph g(1);
  Value* x = g.input({1, 4, 3, 3});
  Node* a = g.node("Div", {x, x});
  Node* between = g.node("Relu", {a->outputs[0]});
  Node* b = g.node("Div", {between->outputs[0], x});
  Node* conv = g.node("Conv", {b->outputs[0], g.weights({4, 4, 1, 1})});
  g.output(conv->outputs[0]);
  precision::assign_precision(g.graph, {});
  expect_reasons(g.graph);
  EXPECT_FALSE(between->int8);
  EXPECT_TRUE(conv->int8);
}

TEST(PrecisionTest, IntegerDataIsFloatOnly) {
  SmallGraph g(1);
  Value* x = g.input({1, 4});
  x->dtype = DType::i64;
  Node* reshape = g.node("Reshape", {x, g.ints({2, 2})});
  g.output(reshape->outputs[0]);
  precision::assign_precision(g.graph, {});
  expect_reasons(g.graph);
  EXPECT_FALSE(reshape->int8);
}

TEST(PrecisionTest, ValuesThatShareAScaleGetTheirSources) {
  SmallGraph g(1);
  Value* x = g.input({1, 4, 4, 4});
  Value* pooled = g.value("MaxPool", {x}, {{"kernel_shape", std::vector<int64_t>{2, 2}}});
  g.output(g.value("Conv", {pooled, g.weights({4, 4, 1, 1})}));
  precision::assign_precision(g.graph, {});
  EXPECT_EQ(precision::values_to_calibrate(g.graph), std::vector<Value*>{x});
  precision::apply_ranges(g.graph, {}, [](const Value&) { return calibration::ClipRange{-1, 3}; });
  ASSERT_TRUE(x->quant && pooled->quant);
  EXPECT_EQ(*x->quant, *pooled->quant);
  EXPECT_FALSE(g.graph.outputs[0]->quant);
  precision::apply_ranges(g.graph, {x->name}, [](const Value&) { return calibration::ClipRange{-1, 3}; });
  EXPECT_EQ(*x->quant, (QuantParams{{1.0f}, {0}, -1}));
}

TEST(PrecisionTest, RangesBecomeCodes) {
  const QuantParams positive = precision::quant_of_range({0, 2.55f});
  EXPECT_EQ(positive.zero_point(), -128);
  EXPECT_FLOAT_EQ(positive.scale(), 0.01f);
  EXPECT_EQ(precision::quant_of_range({-1.27f, 1.27f}).zero_point(), 0);
  for (const calibration::ClipRange range :
       {calibration::ClipRange{0, 0}, {0, 1e-30f}, {-1e30f, 1e30f}, {-5, 0}, {2, 3}}) {
    const QuantParams q = precision::quant_of_range(range);
    EXPECT_GT(q.scale(), 0);
    EXPECT_GE(q.zero_point(), -128);
    EXPECT_LE(q.zero_point(), 127);
  }
}

TEST(PrecisionTest, OverflowingAccumulatorsBecomeFloat) {
  SmallGraph g(1);
  constexpr int64_t kTerms = 70000;  // 70000 * 127 * 255 > 2^31
  Value* x = g.input({1, kTerms});
  Node* wide = g.node("MatMul", {x, g.weights({kTerms, 1}, 1, 1.0001f)});
  Node* narrow = g.node("MatMul", {wide->outputs[0], g.weights({1, 2})});
  g.output(narrow->outputs[0]);
  precision::assign_precision(g.graph, {});
  precision::apply_ranges(g.graph, {}, [](const Value&) { return calibration::ClipRange{-1, 1}; });
  EXPECT_TRUE(precision::demote_overflowing(g.graph));
  expect_reasons(g.graph);
  EXPECT_FALSE(wide->int8);
  EXPECT_NE(wide->reason.find("overflow"), std::string::npos);
  EXPECT_TRUE(narrow->int8);
  EXPECT_FALSE(precision::demote_overflowing(g.graph));
}

}  // namespace
}  // namespace openhb
