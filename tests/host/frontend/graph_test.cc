// SPDX-License-Identifier: Apache-2.0
#include "host/graph/graph.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace openhb::graph {
namespace {

// x -> Relu "a" -> Add "b" (with a constant) -> y
struct Chain {
  Graph graph;
  Value *x, *c;
  Node *a, *b;
  Chain() {
    x = graph.add_value("x", DType::f32, {1, 2});
    c = graph.add_constant("c", Tensor::from<float>({2}, std::vector<float>{1, 2}));
    a = graph.add_node("Relu", "a", {x}, {"t"});
    b = graph.add_node("Add", "b", {a->outputs[0], c}, {"y"});
    graph.inputs = {x};
    graph.outputs = {b->outputs[0]};
  }
};

std::vector<std::string> names(const Graph& graph) {
  std::vector<std::string> result;
  for (const auto& node : graph.nodes()) result.push_back(node->name);
  return result;
}

TEST(Graph, BuildsAndFinds) {
  Chain chain;
  EXPECT_EQ(chain.graph.find_node("b"), chain.b);
  EXPECT_EQ(chain.graph.find_value("t")->producer, chain.a);
  EXPECT_EQ(chain.graph.find_value("nothing"), nullptr);
  EXPECT_TRUE(chain.graph.is_output(chain.b->outputs[0]));
  EXPECT_EQ(chain.b->input(7), nullptr);
  EXPECT_EQ(chain.b->describe(), "node 'b' (Add)");
}

TEST(Graph, NamesAreUnique) {
  Chain chain;
  EXPECT_EQ(chain.graph.add_value("t")->name, "t_1");
  EXPECT_EQ(chain.graph.add_value("t")->name, "t_2");
  EXPECT_FALSE(chain.graph.add_value("")->name.empty());
  EXPECT_EQ(chain.graph.add_node("Relu", "a", {chain.x}, {"u"})->name, "a_1");
  EXPECT_EQ(chain.graph.add_node("Relu", "", {chain.x}, {"v"})->name, "Relu_3");
  // A node and a value may share a name, as exporters like to do.
  EXPECT_EQ(chain.graph.add_value("b")->name, "b");
}

TEST(Graph, InsertsBefore) {
  Chain chain;
  Node* between = chain.graph.add_node("Sigmoid", "s", {chain.a->outputs[0]}, {"u"}, chain.b);
  chain.b->inputs[0] = between->outputs[0];
  EXPECT_EQ(names(chain.graph), (std::vector<std::string>{"a", "s", "b"}));
}

TEST(Graph, CloneIsDeepAndSharesConstants) {
  Chain chain;
  chain.b->attributes["axis"] = int64_t{1};
  const Graph copy = chain.graph.clone();
  const Node* b = copy.find_node("b");
  ASSERT_NE(b, nullptr);
  EXPECT_NE(b, chain.b);
  EXPECT_EQ(b->inputs[1], copy.find_value("c"));
  EXPECT_NE(b->inputs[1], chain.c);
  EXPECT_EQ(b->inputs[1]->constant, chain.c->constant);
  EXPECT_EQ(b->inputs[0]->producer, copy.find_node("a"));
  EXPECT_EQ(copy.outputs[0], b->outputs[0]);
  chain.graph.remove_node(chain.b);
  EXPECT_EQ(copy.nodes().size(), 2u);
  EXPECT_EQ(b->attr_int("axis", 0), 1);
}

TEST(Graph, ConsumersCountEveryRead) {
  Chain chain;
  chain.graph.add_node("Mul", "m", {chain.x, chain.x}, {"q"});
  const auto consumers = chain.graph.consumers();
  EXPECT_EQ(consumers.at(chain.x).size(), 3u);
  EXPECT_FALSE(consumers.contains(chain.b->outputs[0]));
}

TEST(Graph, ReplacesUsesAndDropsTheDead) {
  Chain chain;
  chain.graph.replace_uses(chain.b->outputs[0], chain.a->outputs[0]);
  EXPECT_EQ(chain.graph.outputs[0], chain.a->outputs[0]);
  chain.graph.remove_dead();
  EXPECT_EQ(names(chain.graph), std::vector<std::string>{"a"});
  EXPECT_EQ(chain.graph.values().size(), 2u);
  EXPECT_EQ(chain.graph.find_value("c"), nullptr);
  EXPECT_EQ(chain.graph.find_node("b"), nullptr);
}

TEST(Graph, UnreadInputsStay) {
  Chain chain;
  chain.b->inputs[0] = chain.c;
  chain.graph.remove_dead();
  EXPECT_EQ(names(chain.graph), std::vector<std::string>{"b"});
  EXPECT_EQ(chain.graph.find_value("x"), chain.x);
}

TEST(Graph, SortIsStable) {
  Graph graph;
  Value* x = graph.add_value("x");
  Value *t = graph.add_value("t"), *u = graph.add_value("u"), *y = graph.add_value("y");
  graph.add_node_to("Add", "last", {t, u}, {y});
  graph.add_node_to("Relu", "second", {x}, {u});
  graph.add_node_to("Relu", "first", {x}, {t});
  graph.inputs = {x};
  graph.outputs = {y};
  graph.sort();
  EXPECT_EQ(names(graph), (std::vector<std::string>{"second", "first", "last"}));
  graph.sort();
  EXPECT_EQ(names(graph), (std::vector<std::string>{"second", "first", "last"}));
}

TEST(Graph, SortNamesANodeOfTheCycle) {
  Graph graph;
  Value *a = graph.add_value("a"), *b = graph.add_value("b"), *y = graph.add_value("y");
  graph.add_node_to("Relu", "after", {b}, {y});  // depends on the cycle, but is not in it
  graph.add_node_to("Relu", "one", {b}, {a});
  graph.add_node_to("Relu", "two", {a}, {b});
  try {
    graph.sort();
    FAIL() << "a cycle was sorted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::model_structure);
    const std::string text = error.what();
    EXPECT_TRUE(text.contains("'one'") || text.contains("'two'")) << text;
  }
}

TEST(Node, AttributesAreTyped) {
  Chain chain;
  Node& node = *chain.a;
  node.attributes["i"] = int64_t{3};
  node.attributes["f"] = 0.5f;
  node.attributes["s"] = std::string("text");
  node.attributes["is"] = std::vector<int64_t>{1, 2};
  node.attributes["fs"] = std::vector<float>{1, 2};
  node.attributes["t"] = Tensor::from<float>({1}, std::vector<float>{7});
  EXPECT_EQ(node.attr_int("i", 0), 3);
  EXPECT_EQ(node.attr_float("f", 0), 0.5f);
  EXPECT_EQ(node.attr_string("s", ""), "text");
  EXPECT_EQ(node.attr_ints("is", {}), (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(node.attr_floats("fs", {}), (std::vector<float>{1, 2}));
  EXPECT_EQ(node.attr_tensor("t")->data<float>()[0], 7);
  EXPECT_EQ(node.attr_tensor("absent"), nullptr);
  EXPECT_EQ(node.attr_int("absent", 9), 9);
  try {
    node.attr_ints("i", {});
    FAIL() << "an integer was read as a list";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::model_bad_attribute);
    EXPECT_NE(std::string(error.what()).find("node 'a' (Relu)"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace openhb::graph
