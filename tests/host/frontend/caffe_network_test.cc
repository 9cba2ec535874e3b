// SPDX-License-Identifier: Apache-2.0
// The structure of Caffe networks: names, phases, old forms, shared weights, inputs and outputs.
#include <algorithm>

#include "host/compiler/evaluate.h"
#include "host/frontend/caffe/caffe.h"
#include "host/frontend/onnx/onnx.h"
#include "host/ops/operator.h"
#include "tests/host/frontend/caffe_case.h"

namespace openhb::test {
namespace {

std::vector<std::string> names(const auto& values) {
  std::vector<std::string> result;
  for (const auto& v : values) result.push_back(v->name);
  return result;
}
using Names = std::vector<std::string>;

bool told(const CaffeCase& c, std::string_view words) {
  return std::ranges::any_of(c.notices, [&](const auto& n) { return n.find(words) != std::string::npos; });
}

TEST(CaffeNames, TheLastWriterOfABlobHasItsName) {
  CaffeCase c;
  c.input("data", noise({1, 2, 3, 3}));
  c.layer("Power", "early", "data", "data", "power_param { scale: 2 shift: 1 }");
  c.layer("AbsVal", "abs", "data", "y");
  c.layer("ReLU", "relu", "y", "y");
  c.layer("Power", "late", "y", "y", "power_param { power: 2 scale: 3 }");
  const graph::Graph g = c.import();
  EXPECT_EQ(names(g.inputs), Names{"data"});
  EXPECT_EQ(names(g.outputs), Names{"y"});
  EXPECT_EQ(names(g.nodes()), (Names{"early/mul", "early", "abs", "relu", "late/mul", "late"}));
  EXPECT_EQ(g.find_node("early")->outputs[0]->name, "data_early");
  EXPECT_EQ(g.find_node("abs")->outputs[0]->name, "y_abs");
  EXPECT_EQ(g.find_node("relu")->outputs[0]->name, "y_relu");
  EXPECT_EQ(g.find_node("late")->outputs[0]->name, "y");
  EXPECT_EQ(g.name, "net");
  EXPECT_EQ(g.opset, 21);
}

TEST(CaffeNames, MadeNamesAvoidGivenOnes) {
  CaffeCase c;
  c.input("x", noise({1, 2}));
  c.layer("Power", "a", "x", "p", "power_param { scale: 2 shift: 1 }");
  c.layer("Power", "a/mul", "x", "a/mul", "power_param { scale: 3 }");
  const graph::Graph g = c.import();
  EXPECT_NE(g.find_value("a/mul"), nullptr);
  EXPECT_EQ(names(g.outputs), (Names{"p", "a/mul"}));
  const auto y = c.run();
  EXPECT_EQ(y.size(), 2u);
}

TEST(CaffeNames, SplitMakesANodePerTop) {
  CaffeCase c;
  const Tensor x = c.input("x", noise({1, 2}));
  c.layer("Split", "s", "x", "a b");
  const auto y = c.run();
  expect_near(x, y.at("a"), "a");
  expect_near(x, y.at("b"), "b");
}

TEST(CaffePhases, RulesOfTheTestPhase) {
  CaffeCase c;
  c.text += R"(
    layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TRAIN }
            transform_param { mirror: true mean_value: 104 random_resize { a: 1 b { c: "d" } } }
            data_param { source: "train_lmdb" batch_size: 64 backend: LMDB } }
    layer { name: "data" type: "Input" top: "data" include { phase: TEST } input_param { shape { dim: 1 dim: 2 } } }
    layer { name: "a" type: "AbsVal" bottom: "data" top: "a" exclude { phase: TRAIN } }
    layer { name: "b" type: "AbsVal" bottom: "data" top: "b" exclude { phase: TEST } }
    layer { name: "d" type: "AbsVal" bottom: "data" top: "d" include { stage: "deploy" } }
    layer { name: "e" type: "AbsVal" bottom: "data" top: "e" include { not_stage: "deploy" max_level: 0 } }
    layer { name: "f" type: "AbsVal" bottom: "data" top: "f" include { min_level: 1 } })";
  EXPECT_EQ(names(c.import().outputs), (Names{"a", "e"}));
  c.text += "state { stage: \"deploy\" level: 1 }";
  EXPECT_EQ(names(c.import().outputs), (Names{"a", "d", "f"}));
}

TEST(CaffeInputs, DeprecatedForms) {
  const std::string body = "layer { name: \"y\" type: \"Concat\" bottom: \"a\" bottom: \"b\" top: \"y\" }";
  for (const char* head : {"input: \"a\" input_dim: 1 input_dim: 2 input_dim: 3 input_dim: 4 "
                           "input: \"b\" input_dim: 1 input_dim: 5 input_dim: 3 input_dim: 4 ",
                           "input: \"a\" input: \"b\" input_shape { dim: 1 dim: 2 dim: 3 dim: 4 } "
                           "input_shape { dim: [1, 5, 3, 4] } "}) {
    CaffeCase c;
    c.text = head + body;
    const auto g = c.import();
    EXPECT_EQ(names(g.inputs), (Names{"a", "b"}));
    EXPECT_EQ(g.outputs[0]->shape, Shape({1, 7, 3, 4}));
  }
}

TEST(CaffeInputs, GivenShapesAndOpenBatches) {
  CaffeCase c;
  c.text +=
      "input: \"x\" input_shape { dim: -1 dim: 2 } layer { name: \"y\" type: \"AbsVal\" bottom: \"x\" top: "
      "\"y\" }";
  EXPECT_EQ(c.import().outputs[0]->shape, Shape({1, 2}));
  c.input_shapes["x"] = {3, 5};
  EXPECT_EQ(c.import().outputs[0]->shape, Shape({3, 5}));
}

TEST(CaffeInputs, DataLayersNeedAShape) {
  CaffeCase c;
  c.text += R"(
    layer { name: "d" type: "Data" top: "data" top: "label" data_param { source: "x" } }
    layer { name: "a" type: "AbsVal" bottom: "data" top: "y" }
    layer { name: "loss" type: "SoftmaxWithLoss" bottom: "y" bottom: "label" top: "loss" }
    layer { name: "accuracy" type: "Accuracy" bottom: "y" bottom: "label" top: "accuracy" })";
  EXPECT_THROW(c.import(), Error);
  c.input_shapes["data"] = {1, 3};
  const auto g = c.import();
  EXPECT_EQ(names(g.inputs), Names{"data"});
  EXPECT_EQ(names(g.outputs), Names{"y"});
  EXPECT_TRUE(told(c, "'loss'"));
  EXPECT_TRUE(told(c, "'accuracy'"));
}

TEST(CaffeInputs, UnreadOnesAreLeftOut) {
  CaffeCase c;
  c.input("x", noise({1, 2}));
  c.blob("of_another_network", noise({1}));
  c.layer("Input", "label", "", "label", "input_param { shape { dim: 1 } }");
  c.layer("AbsVal", "a", "x", "y");
  c.layer("AbsVal", "b", "x", "unused");
  c.layer("Silence", "quiet", "unused", "");
  c.layer("EuclideanLoss", "loss", "y label", "loss");
  const auto g = c.import();
  EXPECT_EQ(names(g.inputs), Names{"x"});
  EXPECT_EQ(names(g.outputs), Names{"y"});
  EXPECT_TRUE(told(c, "'label'"));
  EXPECT_TRUE(told(c, "1 layers of the caffemodel"));
}

TEST(CaffeWeights, SharedByNameAndStoredOnce) {
  CaffeCase c;
  const Tensor x = c.input("x", noise({1, 3}));
  const std::string params =
      "param { name: \"w\" } param { name: \"b\" } inner_product_param { num_output: 3 }";
  c.layer("InnerProduct", "one", "x", "h", params);
  c.layer("InnerProduct", "two", "h", "y", params);
  c.blob("one", tensor_of({3, 3}, {0, 1, 0, 0, 0, 1, 1, 0, 0}));
  c.blob("one", tensor_of({3}, {1, 2, 3}));
  const auto v = x.data<float>();
  expect_near(tensor_of({1, 3}, {v[2] + 3, v[0] + 5, v[1] + 4}), c.only(), "shared");
}

TEST(CaffeWeights, OldFormsOfFiles) {
  CaffeCase c;
  c.text = R"(input: "x" input_dim: 1 input_dim: 2 input_dim: 1 input_dim: 1
    layers { name: "fc" type: INNER_PRODUCT bottom: "x" top: "fc" blobs_lr: 1 blobs_lr: 2 weight_decay: 1
             inner_product_param { num_output: 2 weight_filler { type: "gaussian" std: 0.01 } } }
    layers { name: "relu" type: RELU bottom: "fc" top: "fc" }
    layers { name: "power" type: POWER bottom: "fc" top: "y" power_param { shift: 1 } })";
  caffe::WeightsFile file;
  auto* layer = file.add_layers();
  layer->set_name("fc");
  for (const bool bias : {false, true}) {
    auto* blob = layer->add_blobs();  // doubles under the four old extents
    blob->set_num(1), blob->set_channels(1), blob->set_height(bias ? 1 : 2), blob->set_width(2);
    for (const double v : bias ? std::vector<double>{0.5, -9} : std::vector<double>{1, 2, 3, 4})
      blob->add_double_data(v);
  }
  c.weights = file;
  graph::Graph g = c.import();
  ops::infer_shapes(g);
  compiler::GraphRunner runner(g, {}, 1);
  runner.run({tensor_of({1, 2, 1, 1}, {1, 1})});
  expect_near(tensor_of({1, 2}, {4.5f, 1}), runner.output(0), "V1");
  EXPECT_NE(g.find_node("power"), nullptr);
}

TEST(CaffeWeights, ParameterLayersAreConstants) {
  CaffeCase c;
  const Tensor x = c.input("x", noise({2, 3}));
  c.layer("Parameter", "p", "", "p", "parameter_param { shape { dim: 2 dim: 3 } }");
  const Tensor p = c.blob("p", noise({2, 3}));
  c.layer("Eltwise", "e", "x p", "y");
  Tensor expected = x;
  for (size_t i = 0; i < x.size(); ++i) expected.data<float>()[i] += p.data<float>()[i];
  expect_near(expected, c.only(), "parameter");
}

// Operators of our own go to ONNX files and come back.
TEST(CaffeExport, OwnOperatorsSurvive) {
  CaffeCase c;
  c.input("loc", noise({1, 8})), c.input("conf", noise({1, 4})), c.input("prior", noise({1, 2, 8}));
  c.layer("DetectionOutput", "det", "loc conf prior", "y",
          "detection_output_param { num_classes: 2 keep_top_k: 3 code_type: CENTER_SIZE nms_param { top_k: 2 "
          "} }");
  graph::Graph g = c.import();
  const std::string path = testing::TempDir() + "caffe_export.onnx";
  onnx_frontend::export_onnx(g, path);
  graph::Graph back = onnx_frontend::import_onnx(path);
  ops::infer_shapes(back);
  const graph::Node* node = back.find_node("det");
  ASSERT_NE(node, nullptr);
  EXPECT_EQ(node->domain, "horizon");
  EXPECT_EQ(node->attributes.size(), g.find_node("det")->attributes.size());
  EXPECT_EQ(node->attr_string("code_type", ""), "CENTER_SIZE");
  EXPECT_EQ(node->attr_int("top_k", 0), 2);
  EXPECT_EQ(back.outputs[0]->shape, Shape({1, 1, 3, 7}));
  std::remove(path.c_str());
}

}  // namespace
}  // namespace openhb::test
