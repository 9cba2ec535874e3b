// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include "tests/host/frontend/compare.h"
#include "tests/host/frontend/models.h"

namespace openhb::test {
namespace {

using graph::Graph;
using onnx::AttributeProto;
using onnx::TensorProto;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// The constant that an initializer made by `fill` becomes.
template <class Fill>
Tensor constant(const std::vector<int64_t>& dims, int32_t type, Fill fill) {
  auto model = relu_model();
  fill(*add_initializer(model, "w", dims, type));
  const Graph graph = import(model);
  return *graph.find_value("w")->constant;
}

template <class T>
std::vector<T> elements(const Tensor& t) {
  return {t.data<T>().begin(), t.data<T>().end()};
}

TEST(Import, KeepsTheGraph) {
  auto model = relu_model(12);
  model.set_producer_name("someone");
  const Graph graph = import(model);
  EXPECT_EQ(graph.opset, 12);
  EXPECT_EQ(graph.ir_version, 7);
  EXPECT_EQ(graph.name, "g");
  EXPECT_EQ(graph.producer, "someone");
  ASSERT_EQ(graph.inputs.size(), 1u);
  EXPECT_EQ(graph.inputs[0]->shape, (Shape{1, 2}));
  ASSERT_EQ(graph.nodes().size(), 1u);
  EXPECT_EQ(graph.nodes()[0]->outputs[0], graph.outputs[0]);
}

TEST(Import, TypedFieldsOfEveryType) {
  EXPECT_EQ(elements<float>(constant({2}, TensorProto::FLOAT,
                                     [](auto& t) { t.add_float_data(1.5f), t.add_float_data(-2); })),
            (std::vector<float>{1.5f, -2}));
  EXPECT_EQ(elements<float>(constant({2}, TensorProto::DOUBLE,
                                     [](auto& t) { t.add_double_data(0.1), t.add_double_data(1e300); })),
            (std::vector<float>{0.1f, std::numeric_limits<float>::infinity()}));
  const auto ints = [](auto& t) { t.add_int32_data(1), t.add_int32_data(100); };
  EXPECT_EQ(elements<int8_t>(constant({2}, TensorProto::INT8, ints)), (std::vector<int8_t>{1, 100}));
  EXPECT_EQ(elements<uint8_t>(constant({2}, TensorProto::UINT8, ints)), (std::vector<uint8_t>{1, 100}));
  EXPECT_EQ(elements<int16_t>(constant({2}, TensorProto::INT16, ints)), (std::vector<int16_t>{1, 100}));
  EXPECT_EQ(elements<uint16_t>(constant({2}, TensorProto::UINT16, ints)), (std::vector<uint16_t>{1, 100}));
  EXPECT_EQ(elements<int32_t>(constant({2}, TensorProto::INT32, ints)), (std::vector<int32_t>{1, 100}));
  EXPECT_EQ(elements<bool>(constant({2}, TensorProto::BOOL, ints)), (std::vector<bool>{true, true}));
  EXPECT_EQ(elements<int64_t>(constant({1}, TensorProto::INT64, [](auto& t) { t.add_int64_data(-5); })),
            std::vector<int64_t>{-5});
  const auto unsigneds = [](auto& t) { t.add_uint64_data(7); };
  EXPECT_EQ(elements<uint32_t>(constant({1}, TensorProto::UINT32, unsigneds)), std::vector<uint32_t>{7});
  EXPECT_EQ(elements<uint64_t>(constant({1}, TensorProto::UINT64, unsigneds)), std::vector<uint64_t>{7});
}

TEST(Import, RawData) {
  const std::vector<float> values{1, -2, 3};
  const auto raw = [&](auto& t) { t.set_raw_data(values.data(), values.size() * sizeof(float)); };
  EXPECT_EQ(elements<float>(constant({3}, TensorProto::FLOAT, raw)), values);
  const double number = 0.5;
  EXPECT_EQ(elements<float>(constant({}, TensorProto::DOUBLE, [&](auto& t) { t.set_raw_data(&number, 8); })),
            std::vector<float>{0.5f});
  EXPECT_EQ(elements<bool>(constant({3}, TensorProto::BOOL,
                                    [](auto& t) { t.set_raw_data(std::string("\0\x1\x7f", 3)); })),
            (std::vector<bool>{false, true, true}));
  EXPECT_EQ(constant({0, 4}, TensorProto::FLOAT, [](auto&) {}).size(), 0u);
}

TEST(Import, HalfTypesBecomeFloat) {
  // 1, -2, the largest, the smallest normal, the smallest subnormal, -0, infinity
  const std::vector<uint16_t> halves{0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0x8000, 0x7c00};
  const std::vector<float> expected{
      1, -2, 65504, 0x1p-14f, 0x1p-24f, -0.0f, std::numeric_limits<float>::infinity()};
  const Tensor raw = constant({7}, TensorProto::FLOAT16, [&](auto& t) { t.set_raw_data(halves.data(), 14); });
  EXPECT_EQ(elements<float>(raw), expected);
  EXPECT_TRUE(std::signbit(raw.data<float>()[5]));
  EXPECT_EQ(elements<float>(constant({7}, TensorProto::FLOAT16,
                                     [&](auto& t) {
                                       for (const uint16_t h : halves) t.add_int32_data(h);
                                     })),
            expected);
  const uint16_t bfloat = 0xc040;
  EXPECT_EQ(
      elements<float>(constant({1}, TensorProto::BFLOAT16, [&](auto& t) { t.set_raw_data(&bfloat, 2); })),
      std::vector<float>{-3});
  EXPECT_EQ(elements<float>(constant({1}, TensorProto::BFLOAT16, [&](auto& t) { t.add_int32_data(bfloat); })),
            std::vector<float>{-3});
}

TEST(Import, CastToHalfOrDoubleBecomesCastToFloat) {
  for (const int64_t type : {1, 6, 10, 11, 16}) {
    auto model = relu_model();
    model.mutable_graph()->mutable_node(0)->set_op_type("Cast");
    add_attribute(model.mutable_graph()->mutable_node(0), "to", AttributeProto::INT)->set_i(type);
    EXPECT_EQ(import(model).nodes()[0]->attr_int("to", 0), type == 6 ? 6 : 1);
  }
}

TEST(Import, WrongTensors) {
  const auto bad = [](ErrorCode code, const std::string& word, const std::vector<int64_t>& dims, int32_t type,
                      auto fill) { expect_error(code, {"'w'", word}, [&] { constant(dims, type, fill); }); };
  const auto one = [](auto& t) { t.add_float_data(1); };
  bad(ErrorCode::model_bad_value, "NaN", {1}, TensorProto::FLOAT, [](auto& t) { t.add_float_data(kNan); });
  bad(ErrorCode::model_bad_value, "needs 2", {2}, TensorProto::FLOAT, one);
  bad(ErrorCode::model_bad_value, "needs 8 bytes", {2}, TensorProto::FLOAT,
      [](auto& t) { t.set_raw_data("abc"); });
  bad(ErrorCode::model_bad_value, "range of int8", {1}, TensorProto::INT8,
      [](auto& t) { t.add_int32_data(128); });
  bad(ErrorCode::model_bad_shape, "not possible", {-1}, TensorProto::FLOAT, one);
  bad(ErrorCode::model_bad_shape, "not possible", {int64_t{1} << 40, int64_t{1} << 40}, TensorProto::FLOAT,
      one);
  bad(ErrorCode::model_bad_shape, "not possible", {int64_t{1} << 31, 2}, TensorProto::FLOAT, one);
  bad(ErrorCode::model_bad_value, "stored", {int64_t{1} << 31}, TensorProto::FLOAT, one);
  bad(ErrorCode::model_bad_shape, "9 dimensions", std::vector<int64_t>(9, 1), TensorProto::FLOAT, one);
  bad(ErrorCode::model_structure, "STRING", {1}, TensorProto::STRING,
      [](auto& t) { t.add_string_data(std::string()); });
  bad(ErrorCode::model_structure, "COMPLEX64", {1}, TensorProto::COMPLEX64, one);
  bad(ErrorCode::model_structure, "number 99", {1}, 99, one);
}

TEST(Import, InfinityIsAllowed) {
  EXPECT_NO_THROW(constant({1}, TensorProto::FLOAT,
                           [](auto& t) { t.add_float_data(std::numeric_limits<float>::infinity()); }));
}

TEST(Import, ConstantNodesOfAllForms) {
  auto model = relu_model();
  const auto add = [&](const std::string& form, AttributeProto::AttributeType type) {
    return add_attribute(add_node(model, "Constant", "", {}, {form}), form, type);
  };
  auto* tensor = add("value", AttributeProto::TENSOR)->mutable_t();
  tensor->set_data_type(TensorProto::INT64);
  tensor->add_int64_data(4);
  add("value_float", AttributeProto::FLOAT)->set_f(2.5f);
  add("value_int", AttributeProto::INT)->set_i(3);
  auto* floats = add("value_floats", AttributeProto::FLOATS);
  floats->add_floats(1), floats->add_floats(2);
  add("value_ints", AttributeProto::INTS)->add_ints(9);
  const Graph graph = import(model);
  EXPECT_EQ(graph.nodes().size(), 1u);
  const auto get = [&](const std::string& name) -> const Tensor& {
    return *graph.find_value(name)->constant;
  };
  EXPECT_EQ(elements<int64_t>(get("value")), std::vector<int64_t>{4});
  EXPECT_EQ(elements<float>(get("value_float")), std::vector<float>{2.5f});
  EXPECT_EQ(get("value_float").rank(), 0u);
  EXPECT_EQ(elements<int64_t>(get("value_int")), std::vector<int64_t>{3});
  EXPECT_EQ(elements<float>(get("value_floats")), (std::vector<float>{1, 2}));
  EXPECT_EQ(graph.find_value("value_ints")->shape, Shape{1});

  add("value_string", AttributeProto::STRING)->set_s("text");
  expect_error(ErrorCode::model_bad_attribute, {"value_string"}, [&] { import(model); });
}

TEST(Import, InitializersListedAsInputsAreConstants) {
  auto model = relu_model();
  model.set_ir_version(3);
  add_initializer(model, "w", {1})->add_float_data(1);
  add_input(model, "w", {1});
  EXPECT_EQ(import(model).inputs.size(), 1u);
}

TEST(Import, AbsentInputsAndOutputs) {
  auto model = relu_model();
  model.mutable_graph()->clear_node();
  add_node(model, "LSTM", "l", {"x", "", "x", ""}, {"", "y", ""});
  const Graph graph = import(model);
  const auto& node = *graph.nodes()[0];
  EXPECT_EQ(node.input(1), nullptr);
  EXPECT_EQ(node.input(2), graph.inputs[0]);
  ASSERT_EQ(node.outputs.size(), 2u);
  EXPECT_NE(node.outputs[0], nullptr);
  EXPECT_EQ(node.outputs[1]->name, "y");
}

TEST(Import, NamesNodesAndSorts) {
  auto model = empty_model();
  add_input(model, "x", {1});
  add_node(model, "Relu", "", {"t"}, {"y"});
  add_node(model, "Relu", "Relu_0", {"x"}, {"s"});
  add_node(model, "Relu", "twice", {"s"}, {"u"});
  add_node(model, "Relu", "twice", {"u"}, {"t"});
  add_output(model, "y");
  const Graph graph = import(model);
  std::vector<std::string> names;
  for (const auto& node : graph.nodes()) names.push_back(node->name);
  EXPECT_EQ(names, (std::vector<std::string>{"Relu_0", "twice", "twice_1", "Relu_0_1"}));
}

TEST(Import, DynamicDimensions) {
  auto model = empty_model();
  auto* input = add_input(model, "image", {});
  auto* shape = input->mutable_type()->mutable_tensor_type()->mutable_shape();
  shape->add_dim()->set_dim_param("N");
  shape->add_dim()->set_dim_value(3);
  add_node(model, "Relu", "r", {"image"}, {"y"});
  add_output(model, "y");
  EXPECT_EQ(import(model).inputs[0]->shape, (Shape{1, 3}));

  shape->add_dim()->set_dim_param("height");
  expect_error(ErrorCode::model_dynamic_shape,
               {"'image'", "dimension 2", "'height'", "[N, 3, height]", "input_shape"},
               [&] { import(model); });
  EXPECT_EQ(import(model, {{{"image", {2, 4, 8}}}}).inputs[0]->shape, (Shape{2, 4, 8}));
  expect_error(ErrorCode::config_bad_value, {"'imag'", "Did you mean 'image'"},
               [&] { import(model, {{{"imag", {1, 3, 8}}}}); });
  expect_error(ErrorCode::config_bad_value, {"2 dimensions", "[N, 3, height]"},
               [&] { import(model, {{{"image", {1, 3}}}}); });
  expect_error(ErrorCode::config_bad_value, {"at least 1"}, [&] { import(model, {{{"image", {1, 3, 0}}}}); });
  expect_error(ErrorCode::model_bad_shape, {"'image'"},
               [&] { import(model, {{{"image", {1, 1 << 20, 1 << 20}}}}); });

  shape->mutable_dim(2)->set_dim_value(-1);
  expect_error(ErrorCode::model_dynamic_shape, {"dimension 2"}, [&] { import(model); });
  shape->mutable_dim(2)->set_dim_value(-7);
  expect_error(ErrorCode::model_bad_shape, {"'image'"}, [&] { import(model); });
  input->mutable_type()->mutable_tensor_type()->clear_shape();
  expect_error(ErrorCode::model_dynamic_shape, {"'image'", "input_shape"}, [&] { import(model); });
}

TEST(Import, Domains) {
  auto model = relu_model();
  auto* node = model.mutable_graph()->mutable_node(0);
  node->set_domain("ai.onnx");
  EXPECT_EQ(import(model).nodes()[0]->domain, "");
  // Whether there is a plug-in for it shows later; nobody takes it for the standard operator.
  node->set_domain("com.vendor");
  auto* version = model.add_opset_import();
  version->set_domain("com.vendor"), version->set_version(3);
  const Graph foreign = import(model);
  EXPECT_EQ(foreign.nodes()[0]->op, "com.vendor::Relu");
  EXPECT_EQ(foreign.nodes()[0]->type(), "Relu");
  EXPECT_EQ(foreign.nodes()[0]->domain, "com.vendor");
  const Graph again =
      onnx_frontend::import_onnx_bytes(onnx_frontend::serialize_onnx(foreign.clone()), "again");
  EXPECT_EQ(again.nodes()[0]->op, "com.vendor::Relu");
  EXPECT_EQ(again.domains.at("com.vendor"), 3);
  node->set_domain("horizon");
  expect_error(ErrorCode::model_unsupported_op, {"horizon"}, [&] { import(model); });
  node->set_op_type("HzPreprocess");
  EXPECT_EQ(import(model).nodes()[0]->domain, "horizon");
}

TEST(Import, UnsupportedStructures) {
  auto model = relu_model();
  add_attribute(model.mutable_graph()->mutable_node(0), "body", AttributeProto::GRAPH)->mutable_g();
  expect_error(ErrorCode::model_structure, {"'r'", "'body'", "no outputs"}, [&] { import(model); });

  model = relu_model();
  model.mutable_graph()->add_sparse_initializer()->mutable_values()->set_name("sp");
  expect_error(ErrorCode::model_structure, {"'sp'", "dense"}, [&] { import(model); });

  model = relu_model();
  auto* sequence = model.mutable_graph()->add_input();
  sequence->set_name("seq");
  sequence->mutable_type()->mutable_sequence_type();
  expect_error(ErrorCode::model_structure, {"'seq'", "sequences"}, [&] { import(model); });

  model = relu_model();
  add_input(model, "text", {1}, TensorProto::STRING);
  expect_error(ErrorCode::model_structure, {"'text'", "STRING"}, [&] { import(model); });

  for (const int64_t opset : {6, 27})
    expect_error(ErrorCode::model_structure, {fmt::format("opset {}", opset), "7 to 26"},
                 [&] { import(relu_model(opset)); });
  for (const int64_t opset : {7, 26}) EXPECT_EQ(import(relu_model(opset)).opset, opset);
}

TEST(Import, WrongStructures) {
  const auto bad = [](const std::vector<std::string>& words,
                      const std::function<void(onnx::ModelProto&)>& damage) {
    auto model = relu_model();
    damage(model);
    expect_error(ErrorCode::model_structure, words, [&] { import(model); });
  };
  bad({"no outputs"}, [](auto& m) { m.mutable_graph()->clear_output(); });
  bad({"output 'z'"}, [](auto& m) { add_output(m, "z"); });
  bad({"two outputs", "'y'"}, [](auto& m) { add_output(m, "y"); });
  bad({"two inputs", "'x'"}, [](auto& m) { add_input(m, "x", {1}); });
  bad({"'q'", "'lost'"}, [](auto& m) { add_node(m, "Relu", "q", {"lost"}, {"z"}); });
  bad({"'q'", "'y'"}, [](auto& m) { add_node(m, "Relu", "q", {"x"}, {"y"}); });
  bad({"'q'", "'x'"}, [](auto& m) { add_node(m, "Relu", "q", {"y"}, {"x"}); });
  bad({"'q'", "no outputs"}, [](auto& m) { add_node(m, "Relu", "q", {"x"}, {}); });
  bad({"operator type"}, [](auto& m) { add_node(m, "", "q", {"x"}, {"z"}); });
  bad({"cycle"}, [](auto& m) {
    add_node(m, "Relu", "q", {"b"}, {"a"});
    add_node(m, "Relu", "p", {"a"}, {"b"});
  });
  bad({"initializer 'w'"}, [](auto& m) {
    add_initializer(m, "w", {0});
    add_initializer(m, "w", {0});
  });
}

TEST(Import, AttributesTwiceOrNan) {
  auto model = relu_model();
  auto* node = model.mutable_graph()->mutable_node(0);
  add_attribute(node, "alpha", AttributeProto::FLOAT)->set_f(kNan);
  expect_error(ErrorCode::model_bad_value, {"'r'", "'alpha'", "NaN"}, [&] { import(model); });
  node->mutable_attribute(0)->set_f(1);
  add_attribute(node, "alpha", AttributeProto::FLOAT)->set_f(1);
  expect_error(ErrorCode::model_bad_attribute, {"'r'", "'alpha'", "twice"}, [&] { import(model); });
}

}  // namespace
}  // namespace openhb::test
