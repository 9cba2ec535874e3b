// SPDX-License-Identifier: Apache-2.0
#include "common/io/file.h"
#include "tests/host/frontend/compare.h"
#include "tests/host/frontend/models.h"

namespace openhb::test {
namespace {

using graph::Graph;
using graph::Node;
using graph::Value;
using onnx_frontend::export_onnx;
using onnx_frontend::import_onnx;

// All kinds of attributes and constants, absent inputs, own functions when asked for.
Graph sample(bool functions) {
  Graph graph;
  Value* x = graph.add_value("x", DType::f32, {1, 3, 4, 4});
  graph.inputs = {x};
  Value* w = graph.add_constant("w", Tensor::from<float>({1}, std::vector<float>{2}));
  graph.add_constant("i8", Tensor(DType::i8, {2, 2}));
  graph.add_constant("u8", Tensor(DType::u8, {}));
  graph.add_constant("i64", Tensor::from<int64_t>({2}, std::vector<int64_t>{-1, 5}));
  graph.add_constant("none", Tensor(DType::f32, {0}));
  graph.add_constant("flags", Tensor(DType::boolean, {3}));
  Node* node = graph.add_node("Strange", "n", {x, nullptr, w, nullptr}, {"t", "u"});
  node->outputs[0]->shape = {1, 3, 4, 4};
  node->attributes = {{"i", int64_t{-4}},
                      {"f", 0.1f},
                      {"s", std::string("text")},
                      {"is", std::vector<int64_t>{1, -2}},
                      {"fs", std::vector<float>{0.5f}},
                      {"ss", std::vector<std::string>{"a", ""}},
                      {"empty", std::vector<int64_t>{}},
                      {"t", Tensor::from<int32_t>({1}, std::vector<int32_t>{7})}};
  Value* y = node->outputs[0];
  if (functions) {
    Value* scale = graph.add_constant("scale", Tensor::from<float>({}, std::vector<float>{0.1f}));
    Value* zero = graph.add_constant("zero", Tensor(DType::u8, {}));
    Node* calibration = graph.add_node("HzCalibration", "cal", {y, scale, zero}, {"c"});
    calibration->domain = "horizon";
    calibration->attributes = {{"qtype", std::string("int8")}, {"thresholds", std::vector<float>{12.8f}}};
    y = calibration->outputs[0];
  }
  graph.outputs = {y};
  return graph;
}

onnx::ModelProto parse(const std::string& path) {
  onnx::ModelProto model;
  EXPECT_TRUE(model.ParseFromString(read_text_file(path)));
  return model;
}

TEST(Export, ComesBackEqual) {
  const TemporaryFolder folder;
  for (const bool functions : {false, true}) {
    const Graph graph = sample(functions);
    export_onnx(graph, folder.path("m.onnx"));
    Graph back = import_onnx(folder.path("m.onnx"));
    back.find_value("t")->shape = {1, 3, 4, 4};  // inner shapes are for inference to find
    expect_equal(graph, back);
  }
}

TEST(Export, SameBytesAndCloneToo) {
  const TemporaryFolder folder;
  const Graph graph = sample(true);
  export_onnx(graph, folder.path("a.onnx"));
  export_onnx(graph.clone(), folder.path("b.onnx"));
  EXPECT_EQ(read_text_file(folder.path("a.onnx")), read_text_file(folder.path("b.onnx")));
}

TEST(Export, HeaderAndShapes) {
  const TemporaryFolder folder;
  export_onnx(sample(false), folder.path("m.onnx"));
  const auto model = parse(folder.path("m.onnx"));
  EXPECT_EQ(model.producer_name(), "openhb");
  EXPECT_EQ(model.ir_version(), 7);
  ASSERT_EQ(model.opset_import_size(), 1);
  EXPECT_EQ(model.functions_size(), 0);
  EXPECT_EQ(model.graph().node(0).input_size(), 3);
  EXPECT_EQ(model.graph().input(0).type().tensor_type().shape().dim_size(), 4);
  EXPECT_EQ(model.graph().output(0).type().tensor_type().shape().dim_size(), 4);
}

TEST(Export, FunctionsOfOwnNodes) {
  const TemporaryFolder folder;
  export_onnx(sample(true), folder.path("m.onnx"));
  const auto model = parse(folder.path("m.onnx"));
  EXPECT_EQ(model.ir_version(), 8);
  ASSERT_EQ(model.opset_import_size(), 2);
  EXPECT_EQ(model.opset_import(1).domain(), "horizon");
  ASSERT_EQ(model.functions_size(), 1);
  EXPECT_EQ(model.functions(0).name(), "HzCalibration");
  EXPECT_EQ(model.functions(0).node_size(), 2);
}

TEST(Export, OldModelsGetAVersionWithoutListedInitializers) {
  const TemporaryFolder folder;
  Graph graph = sample(false);
  graph.ir_version = 3;
  graph.opset = 9;
  export_onnx(graph, folder.path("m.onnx"));
  EXPECT_EQ(parse(folder.path("m.onnx")).ir_version(), 4);
}

TEST(Export, UnwritablePath) {
  const TemporaryFolder folder;
  expect_error(ErrorCode::file_unwritable, {"missing"},
               [&] { export_onnx(sample(false), folder.path("missing/m.onnx")); });
}

}  // namespace
}  // namespace openhb::test
