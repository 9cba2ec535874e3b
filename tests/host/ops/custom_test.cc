// SPDX-License-Identifier: Apache-2.0
// Operators of plug-ins in graphs. Theirs has the name of a standard operator, which nobody must take it for.
#include "host/ops/custom.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>

#include "device/plugin/registry.h"
#include "host/compiler/lowering.h"
#include "host/precision/assign.h"
#include "tests/host/ops/typed_graph.h"

namespace openhb::test {
namespace {

int64_t count(const openhb_tensor& t) {
  int64_t n = 1;
  for (int32_t i = 0; i < t.rank; ++i) n *= t.dims[i];
  return n;
}

// Outputs: x * position (in ONNX order) + add, and the number of elements as int64. Inputs: x, -, add.
int32_t infer(const openhb_node* node, openhb_tensor* outputs, openhb_error* error) {
  if (node->inputs[0].rank == 1) {
    std::snprintf(error->text, error->capacity, "vectors are boring");
    return 1;
  }
  outputs[0] = node->inputs[0];
  outputs[1].type = OPENHB_TYPE_INT64;
  return OPENHB_OK;
}
struct Relu {
  int64_t count;
  bool adds;
};
int32_t create(const openhb_node* node, void** instance, openhb_error*) {
  *instance =
      new Relu{count(node->inputs[0]), node->input_count > 2 && node->inputs[2].type != OPENHB_TYPE_NONE};
  return OPENHB_OK;
}
void destroy(void* instance) { delete static_cast<Relu*>(instance); }
int32_t run(void* instance, const openhb_run* r, openhb_error*) {
  const Relu& relu = *static_cast<Relu*>(instance);
  const auto* x = static_cast<const float*>(r->inputs[0]);
  const float add = relu.adds ? *static_cast<const float*>(r->inputs[2]) : 0.0f;
  for (int64_t i = 0; i < relu.count; ++i)
    static_cast<float*>(r->outputs[0])[i] = x[i] * static_cast<float>(i) + add;
  *static_cast<int64_t*>(r->outputs[1]) = relu.count;
  return OPENHB_OK;
}

const openhb_attribute_rule kRules[] = {{"note", OPENHB_ATTRIBUTE_STRINGS, 0}};

void register_relu() {
  static const openhb_op op = [] {
    openhb_op o{};
    o.size = sizeof(o);
    o.domain = "my.ops", o.type = "Relu";
    o.attributes = kRules, o.attribute_count = 1;
    o.min_inputs = 1, o.max_inputs = 3, o.min_outputs = 1, o.max_outputs = 2;
    o.infer = infer, o.create = create, o.destroy = destroy, o.run = run;
    return o;
  }();
  plugin::add_operator(&op);
}

struct CustomGraph : TypedGraph {
  CustomGraph() : TypedGraph(7) { register_relu(); }
  Node* relu(std::vector<Value*> inputs, std::map<std::string, graph::Attribute> attributes = {}) {
    Node* n = node("my.ops::Relu", std::move(inputs), std::move(attributes), 2);
    n->domain = "my.ops";
    return n;
  }
};

Tensor expected(const Tensor& x, float add = 0) {
  Tensor y(DType::f32, x.shape());
  for (size_t i = 0; i < x.size(); ++i) y.data<float>()[i] = x.data<float>()[i] * static_cast<float>(i) + add;
  return y;
}
void expect_same(const Tensor& a, const Tensor& b) {
  EXPECT_EQ(a.shape(), b.shape());
  EXPECT_TRUE(std::ranges::equal(a.bytes(), b.bytes()));
}

int steps_named(const Program& program, std::string_view name) {
  int n = 0;
  for (const Step& s : program.steps) n += step_name(s.params) == name;
  return n;
}

TEST(CustomOperator, BehindAConvolutionInOnnxOrder) {
  CustomGraph g, plain;
  const Tensor x = g.data({1, 3, 6, 5}), w = g.data({4, 3, 3, 3});
  const auto conv = [&](CustomGraph& to) {
    return to.value("Conv", {to.input(x), to.graph.add_constant("", w)});
  };
  plain.output(conv(plain));
  const Tensor between = plain.run();
  g.output(g.relu({conv(g)}, {{"note", std::vector<std::string>{"a", "b"}}})->outputs[0]);
  expect_same(g.run(), expected(between));
  const Program program = compiler::Lowering(g.graph, {}).run();
  EXPECT_EQ(steps_named(program, "Custom"), 1);
  EXPECT_EQ(steps_named(program, "Unary"), 0);
}

TEST(CustomOperator, SeveralOutputsAbsentAndConstantInputs) {
  CustomGraph g;
  const Tensor x = g.data({2, 3});
  Node* relu = g.relu(
      {g.input(x), nullptr, g.graph.add_constant("", Tensor::from<float>({}, std::vector<float>{0.5f}))});
  g.graph.outputs.push_back(relu->outputs[1]);
  g.output(relu->outputs[0]);
  const auto results = run_float(g.graph, g.fed);
  EXPECT_EQ(results[0].data<int64_t>()[0], 6);
  expect_same(results[1], expected(x, 0.5f));
}

TEST(CustomOperator, ConstantsAreFolded) {
  CustomGraph g;
  const Tensor c = g.data({2, 2});
  g.output(g.value("Add", {g.input(c), g.relu({g.graph.add_constant("", c)})->outputs[0]}));
  EXPECT_EQ(g.graph.nodes().size(), 1u);
  const Tensor folded = expected(c), y = g.run();
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(y.data<float>()[i], c.data<float>()[i] + folded.data<float>()[i]);
}

// Its output is a part of a concatenation, its input a slice: both would be strips of larger tensors.
TEST(CustomOperator, GetsDenseTensors) {
  CustomGraph g;
  const Tensor x = g.data({3, 8});
  Value* in = g.input(x);
  Value* slice = g.value("Slice", {in, g.ints({2}), g.ints({6}), g.ints({1})});
  g.output(g.value("Concat", {g.relu({slice})->outputs[0], g.value("Relu", {in})}, {{"axis", int64_t{1}}}));
  const Tensor y = g.run();
  for (int64_t r = 0; r < 3; ++r)
    for (int64_t c = 0; c < 4; ++c)
      EXPECT_EQ(y.data<float>()[static_cast<size_t>(r * 12 + c)],
                x.data<float>()[static_cast<size_t>(r * 8 + c + 2)] * static_cast<float>(r * 4 + c));
}

TEST(CustomOperator, StaysInFloatBetweenIntegers) {
  CustomGraph g;
  Value* x = g.input(g.data({1, 3, 6, 6}));
  Value* first = g.value("Conv", {x, g.weights({4, 3, 3, 3})});
  Node* relu = g.relu({first});
  g.output(g.value("Conv", {relu->outputs[0], g.weights({4, 4, 1, 1})}));
  precision::assign_precision(g.graph, {.run_on_cpu = {}, .run_on_bpu = {}, .int16 = {}, .march = {}});
  EXPECT_TRUE(first->producer->int8);
  EXPECT_FALSE(relu->int8);
  EXPECT_NE(relu->reason.find("plug-in the application"), std::string::npos) << relu->reason;
}

template <class Make>
std::string error_of(Make make) {
  CustomGraph g;
  try {
    make(g);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}
void expect_part(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << "'" << text << "' has no '" << part << "'";
}

TEST(CustomOperator, Refusals) {
  expect_part(
      error_of([](CustomGraph& g) { g.output(g.relu({g.input(Tensor(DType::f32, {3}))})->outputs[0]); }),
      "node 'my.ops::Relu' (my.ops::Relu): vectors are boring");
  expect_part(error_of([](CustomGraph& g) {
                g.output(g.relu({g.input(Tensor(DType::f32, {2, 2}))}, {{"notes", int64_t{1}}})->outputs[0]);
              }),
              "the operator has no attribute 'notes'. Did you mean 'note'?");
  expect_part(error_of([](CustomGraph& g) { g.output(g.relu({nullptr})->outputs[0]); }),
              "input 0 is missing");
  const std::string unknown = error_of([](CustomGraph& g) {
    Node* n = g.node("my.ops::Gelu", {g.input(Tensor(DType::f32, {2, 2}))});
    n->domain = "my.ops";
    g.output(n->outputs[0]);
  });
  expect_part(unknown, "operator Gelu of domain 'my.ops' is not supported");
  expect_part(unknown, "HB_DNN_PLUGIN_PATH");
}

}  // namespace
}  // namespace openhb::test
