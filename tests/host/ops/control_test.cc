// SPDX-License-Identifier: Apache-2.0
// Functions of the model, and control flow that is decided while compiling.
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <functional>

#include "tests/host/compiler/small_graph.h"
#include "tests/host/frontend/models.h"

namespace openhb::test {
namespace {

using onnx::AttributeProto;

template <class Message>
onnx::NodeProto* add_to(Message& to, const std::string& op, const std::vector<std::string>& inputs,
                        const std::vector<std::string>& outputs) {
  auto* node = to.add_node();
  node->set_op_type(op);
  for (const auto& i : inputs) node->add_input(i);
  for (const auto& o : outputs) node->add_output(o);
  return node;
}

void set_int(onnx::NodeProto* node, const std::string& name, int64_t value) {
  add_attribute(node, name, AttributeProto::INT)->set_i(value);
}

Tensor run(const onnx::ModelProto& model, const Tensor& x) {
  graph::Graph g = import(model);
  ops::infer_shapes(g);
  return run_float(g, {x})[0];
}

void expect_values(const Tensor& t, const std::vector<float>& expected) {
  ASSERT_EQ(t.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(t.data<float>()[i], expected[i]) << i;
}

void expect_refused(const onnx::ModelProto& model, ErrorCode code, const std::string& word) {
  try {
    graph::Graph g = import(model);
    ops::infer_shapes(g);
    ADD_FAILURE() << "accepted";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), code) << e.text();
    EXPECT_NE(e.text().find(word), std::string::npos) << e.text();
  }
}

const Tensor kX = Tensor::from<float>({1, 2}, std::vector<float>{-3, 5});

// Own.Scaled(a; factor = 2) = Own.Twice(a) through Mul by a Constant that takes the attribute.
onnx::ModelProto with_functions() {
  onnx::ModelProto model = empty_model(17);
  add_input(model, "x", {1, 2});
  add_output(model, "y");
  auto* inner = model.add_functions();
  inner->set_name("Negative"), inner->set_domain("own");
  inner->add_input("a"), inner->add_output("b");
  add_to(*inner, "Neg", {"a"}, {"t"});
  add_to(*inner, "Relu", {"t"}, {"b"});
  auto* outer = model.add_functions();
  outer->set_name("Leak"), outer->set_domain("own");
  outer->add_input("a"), outer->add_input("unused"), outer->add_output("b");
  outer->add_attribute("slope");
  auto* call = add_to(*outer, "Negative", {"a"}, {"t"});
  call->set_domain("own");
  auto* leaky = add_to(*outer, "LeakyRelu", {"a"}, {"l"});
  auto* reference = add_attribute(leaky, "alpha", AttributeProto::FLOAT);
  reference->set_ref_attr_name("slope");
  add_to(*outer, "Add", {"t", "l"}, {"b"});
  for (const char* name : {"first", "second"}) {
    auto* node = add_node(model, "Leak", name, {name[0] == 'f' ? "x" : "m"}, {name[0] == 'f' ? "m" : "y"});
    node->set_domain("own");
    if (name[0] == 'f') add_attribute(node, "slope", AttributeProto::FLOAT)->set_f(0.5f);
  }
  return model;
}

TEST(FunctionTest, BodiesTakeTheCallsPlace) {
  const auto model = with_functions();
  // first: relu(-x) + leaky(x, 0.5); second takes LeakyRelu's own default, 0.01.
  auto leak = [](float x, float slope) { return std::max(-x, 0.0f) + (x < 0 ? slope * x : x); };
  expect_values(run(model, kX), {leak(leak(-3, 0.5f), 0.01f), leak(leak(5, 0.5f), 0.01f)});
  const graph::Graph g = import(model);
  EXPECT_EQ(g.nodes().size(), 8u);
  ASSERT_NE(g.find_node("second"), nullptr);
  EXPECT_EQ(g.find_node("second")->op, "Add");
}

TEST(FunctionTest, DefaultsOfNewerFiles) {
  auto model = with_functions();
  AttributeProto fallback;
  fallback.set_name("slope"), fallback.set_type(AttributeProto::FLOAT), fallback.set_f(2.0f);
  auto* function = model.mutable_functions(1);
  function->GetReflection()->MutableUnknownFields(function)->AddLengthDelimited(11,
                                                                                fallback.SerializeAsString());
  auto leak = [](float x, float slope) { return std::max(-x, 0.0f) + (x < 0 ? slope * x : x); };
  expect_values(run(model, Tensor::from<float>({1, 2}, std::vector<float>{-8, 1})),
                {leak(leak(-8, 0.5f), 2), leak(1, 2)});
}

TEST(FunctionTest, BadCallsAreRefused) {
  auto model = with_functions();
  model.mutable_graph()->mutable_node(0)->add_input("x"),
      model.mutable_graph()->mutable_node(0)->add_input("x");
  expect_refused(model, ErrorCode::model_structure, "'first'");
  model = with_functions();  // a circle
  model.mutable_functions(0)->mutable_node(0)->set_op_type("Leak");
  model.mutable_functions(0)->mutable_node(0)->set_domain("own");
  expect_refused(model, ErrorCode::model_structure, "circle");
  model = with_functions();
  model.mutable_functions(0)->add_opset_import()->set_version(9);
  expect_refused(model, ErrorCode::model_unsupported_op, "opset 9");
  model = with_functions();
  model.mutable_graph()->mutable_node(0)->mutable_attribute(0)->set_type(AttributeProto::INT);
  expect_refused(model, ErrorCode::model_bad_attribute, "slope");
}

// y = condition ? x + x : -relu(x), the branches read x from outside.
onnx::ModelProto with_if(bool shape_condition) {
  onnx::ModelProto model = empty_model(16);
  add_input(model, "x", {1, 2});
  add_output(model, "y");
  if (shape_condition) {  // Shape(x)[1] == 2
    add_node(model, "Shape", "shape", {"x"}, {"s"});
    auto* at = add_initializer(model, "one", {}, onnx::TensorProto::INT64);
    at->add_int64_data(1);
    auto* two = add_initializer(model, "two", {}, onnx::TensorProto::INT64);
    two->add_int64_data(2);
    add_node(model, "Gather", "gather", {"s", "one"}, {"extent"});
    add_node(model, "Cast", "cast", {"extent"}, {"c"});
    set_int(model.mutable_graph()->mutable_node(2), "to", onnx::TensorProto::BOOL);
  } else {
    add_initializer(model, "c", {1}, onnx::TensorProto::BOOL)->add_int32_data(0);
  }
  auto* node = add_node(model, "If", "choice", {"c"}, {"y"});
  auto* yes = add_attribute(node, "then_branch", AttributeProto::GRAPH)->mutable_g();
  add_to(*yes, "Add", {"x", "x"}, {"sum"});
  yes->add_output()->set_name("sum");
  auto* no = add_attribute(node, "else_branch", AttributeProto::GRAPH)->mutable_g();
  add_to(*no, "Relu", {"x"}, {"sum"});
  add_to(*no, "Neg", {"sum"}, {"n"});
  no->add_output()->set_name("n");
  return model;
}

TEST(ControlTest, ConstantConditionsChoose) {
  expect_values(run(with_if(true), kX), {-6, 10});
  expect_values(run(with_if(false), kX), {-0.0f, -5});
}

TEST(ControlTest, RunTimeConditionsAreRefused) {
  auto model = with_if(false);
  model.mutable_graph()->clear_initializer();
  add_input(model, "c", {1}, onnx::TensorProto::BOOL);
  expect_refused(model, ErrorCode::model_unsupported_op, "'choice'");
}

// v = 2 v + i, four times; every v is also stacked.
onnx::ModelProto with_loop(int64_t trips) {
  onnx::ModelProto model = empty_model(16);
  add_input(model, "x", {1, 2});
  add_output(model, "last"), add_output(model, "all");
  add_initializer(model, "trips", {}, onnx::TensorProto::INT64)->add_int64_data(trips);
  auto* node = add_node(model, "Loop", "loop", {"trips", "", "x"}, {"last", "all"});
  auto* body = add_attribute(node, "body", AttributeProto::GRAPH)->mutable_g();
  for (const char* name : {"i", "go", "v"}) body->add_input()->set_name(name);
  add_to(*body, "Identity", {"go"}, {"go_on"});
  auto* cast = add_to(*body, "Cast", {"i"}, {"f"});
  set_int(cast, "to", onnx::TensorProto::FLOAT);
  add_to(*body, "Add", {"v", "v"}, {"d"});
  add_to(*body, "Add", {"d", "f"}, {"w"});
  add_to(*body, "Identity", {"w"}, {"copy"});
  for (const char* name : {"go_on", "w", "copy"}) body->add_output()->set_name(name);
  return model;
}

TEST(ControlTest, LoopsUnroll) {
  graph::Graph g = import(with_loop(3));
  ops::infer_shapes(g);
  const auto results = run_float(g, {kX});
  expect_values(results[0], {-3 * 8 + 4, 5 * 8 + 4});
  EXPECT_EQ(results[1].shape(), (Shape{3, 1, 2}));
  expect_values(results[1], {-6, 10, -11, 21, -20, 44});
  expect_refused(with_loop(0), ErrorCode::model_unsupported_op, "without iterations");
  expect_refused(with_loop(int64_t{1} << 40), ErrorCode::model_unsupported_op, "iterations");
}

// Running sum along axis 1, backwards.
TEST(ControlTest, ScansUnroll) {
  onnx::ModelProto model = empty_model(16);
  add_input(model, "x", {2, 3});
  add_output(model, "last"), add_output(model, "all");
  auto* zero = add_initializer(model, "zero", {2});
  zero->add_float_data(0), zero->add_float_data(0);
  auto* node = add_node(model, "Scan", "scan", {"zero", "x"}, {"last", "all"});
  set_int(node, "num_scan_inputs", 1);
  for (const char* name :
       {"scan_input_axes", "scan_input_directions", "scan_output_axes", "scan_output_directions"})
    add_attribute(node, name, AttributeProto::INTS)->add_ints(1);
  auto* body = add_attribute(node, "body", AttributeProto::GRAPH)->mutable_g();
  for (const char* name : {"s", "e"}) body->add_input()->set_name(name);
  add_to(*body, "Add", {"s", "e"}, {"t"});
  add_to(*body, "Identity", {"t"}, {"u"});
  for (const char* name : {"t", "u"}) body->add_output()->set_name(name);
  graph::Graph g = import(model);
  ops::infer_shapes(g);
  const auto results = run_float(g, {Tensor::from<float>({2, 3}, std::vector<float>{1, 2, 3, 4, 5, 6})});
  expect_values(results[0], {6, 15});
  EXPECT_EQ(results[1].shape(), (Shape{2, 3}));
  expect_values(results[1], {6, 5, 3, 15, 11, 6});
  node->mutable_attribute(1)->clear_ints();
  expect_refused(model, ErrorCode::model_bad_attribute, "scan_input_axes");
}

}  // namespace
}  // namespace openhb::test
