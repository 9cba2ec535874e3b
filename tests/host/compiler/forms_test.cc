// SPDX-License-Identifier: Apache-2.0
// Older forms of operators become the canonical ones; pre-processing gives (pixel - mean) * scale.
#include <gtest/gtest.h>

#include <functional>

#include "host/passes/preprocess.h"
#include "tests/host/compiler/small_graph.h"

namespace openhb {
namespace {

using test::run_float;
using test::SmallGraph;
using test::Value;
using Ints = std::vector<int64_t>;

using Builder = std::function<Value*(SmallGraph&, Value*)>;

// A graph of an old opset and its canonical equal must give the same bytes; returns the nodes' operators.
std::vector<std::string> same_as(int64_t opset, const Shape& shape, const Builder& old,
                                 const Builder& canonical) {
  SmallGraph g(7, opset), reference(7, ops::kGraphOpset);
  g.output(old(g, g.input(shape)));
  reference.output(canonical(reference, reference.input(shape)));
  EXPECT_EQ(g.graph.opset, ops::kGraphOpset);
  const std::vector<Tensor> inputs{g.data(shape, -3, 3)};
  const Tensor a = run_float(g.graph, inputs)[0], b = run_float(reference.graph, inputs)[0];
  EXPECT_EQ(a.shape(), b.shape());
  EXPECT_TRUE(std::ranges::equal(a.bytes(), b.bytes()));
  std::vector<std::string> ops;
  for (const auto& n : g.graph.nodes()) {
    ops.push_back(n->op);
    for (const char* gone :
         {"min", "max", "pads", "paddings", "value", "starts", "ends", "axes", "split", "scales"})
      EXPECT_FALSE(n->attributes.contains(gone)) << n->describe() << " keeps attribute " << gone;
  }
  return ops;
}

Value* number(SmallGraph& g, float v) {
  return g.graph.add_constant("", Tensor::from<float>({}, std::vector<float>{v}));
}

TEST(UpgradeTest, AttributesBecomeInputs) {
  const Shape shape{2, 3, 4, 5};
  same_as(
      9, shape, [](auto& g, Value* x) { return g.value("Clip", {x}, {{"min", -1.0f}, {"max", 2.0f}}); },
      [](auto& g, Value* x) { return g.value("Clip", {x, number(g, -1), number(g, 2)}); });
  same_as(
      9, shape, [](auto& g, Value* x) { return g.value("Clip", {x}, {{"max", 0.5f}}); },
      [](auto& g, Value* x) { return g.value("Min", {x, number(g, 0.5f)}); });
  same_as(
      10, shape,
      [](auto& g, Value* x) {
        return g.value("Pad", {x}, {{"pads", Ints{0, 1, 0, 2, 0, 0, 1, 0}}, {"value", 1.5f}});
      },
      [](auto& g, Value* x) {
        return g.value("Pad", {x, g.ints({0, 1, 0, 2, 0, 0, 1, 0}), number(g, 1.5f)});
      });
  same_as(
      9, shape,
      [](auto& g, Value* x) {
        return g.value("Slice", {x},
                       {{"starts", Ints{1, -2}}, {"ends", Ints{3, 9999}}, {"axes", Ints{1, 3}}});
      },
      [](auto& g, Value* x) {
        return g.value("Slice", {x, g.ints({1, -2}), g.ints({3, 9999}), g.ints({1, 3})});
      });
  same_as(
      9, shape,
      [](auto& g, Value* x) { return g.value("Slice", {x}, {{"starts", Ints{1}}, {"ends", Ints{2}}}); },
      [](auto& g, Value* x) { return g.value("Slice", {x, g.ints({1}), g.ints({2})}); });
  same_as(
      11, shape,
      [](auto& g, Value* x) {
        const auto parts = g.node("Split", {x}, {{"axis", int64_t{3}}, {"split", Ints{2, 3}}}, 2)->outputs;
        return g.value("Concat", {parts[1], parts[0]}, {{"axis", int64_t{3}}});
      },
      [](auto& g, Value* x) {
        const auto parts = g.node("Split", {x, g.ints({2, 3})}, {{"axis", int64_t{3}}}, 2)->outputs;
        return g.value("Concat", {parts[1], parts[0]}, {{"axis", int64_t{3}}});
      });
  same_as(
      11, {2, 1, 4, 1}, [](auto& g, Value* x) { return g.value("Squeeze", {x}, {{"axes", Ints{1, 3}}}); },
      [](auto& g, Value* x) { return g.value("Reshape", {x, g.ints({2, 4})}); });
  same_as(
      11, {2, 4}, [](auto& g, Value* x) { return g.value("Unsqueeze", {x}, {{"axes", Ints{0, 3}}}); },
      [](auto& g, Value* x) { return g.value("Reshape", {x, g.ints({1, 2, 4, 1})}); });
  for (const char* op : {"ReduceSum", "ReduceMean", "ReduceMax"})
    same_as(
        11, shape,
        [&](auto& g, Value* x) { return g.value(op, {x}, {{"axes", Ints{1}}, {"keepdims", int64_t{0}}}); },
        [&](auto& g, Value* x) { return g.value(op, {x, g.ints({1})}, {{"keepdims", int64_t{0}}}); });
}

TEST(UpgradeTest, UpsampleAndResize) {
  const std::vector<float> scales{1, 1, 2, 1.5f};
  const Shape shape{1, 2, 4, 6};
  for (const char* mode : {"nearest", "linear"}) {
    const graph::Attribute attribute = std::string(mode);
    auto tensor = [&](SmallGraph& g) { return g.graph.add_constant("", Tensor::from<float>({4}, scales)); };
    auto with_input = [&](const char* op) {
      return [=](SmallGraph& g, Value* x) { return g.value(op, {x, tensor(g)}, {{"mode", attribute}}); };
    };
    auto canonical = [&](SmallGraph& g, Value* x) {
      return g.value("Resize", {x, nullptr, tensor(g)},
                     {{"mode", attribute},
                      {"coordinate_transformation_mode", std::string("asymmetric")},
                      {"nearest_mode", std::string("floor")}});
    };
    const std::vector<std::string> resize{"Resize"};
    EXPECT_EQ(same_as(9, shape, with_input("Upsample"), canonical), resize);
    EXPECT_EQ(same_as(10, shape, with_input("Resize"), canonical), resize);
    EXPECT_EQ(same_as(
                  7, shape,
                  [&](SmallGraph& g, Value* x) {
                    return g.value("Upsample", {x}, {{"mode", attribute}, {"scales", scales}});
                  },
                  canonical),
              resize);
  }
}

TEST(UpgradeTest, SoftmaxOverFlattenedAxes) {
  for (const char* op : {"Softmax", "LogSoftmax"})
    for (const bool relu : {false, true})
      for (int64_t axis : {0, 1, 2, 3, -1, -2}) {
        const Shape shape{2, 3, 4, 5};
        const auto at = static_cast<size_t>(axis < 0 ? axis + 4 : axis);
        int64_t inner = 1;
        for (size_t i = at; i < 4; ++i) inner *= shape[i];
        same_as(
            11, shape,
            [=](SmallGraph& g, Value* x) {
              Value* y = g.value(op, {x}, {{"axis", axis}});
              return relu ? g.value("Relu", {y}) : y;
            },
            [=](SmallGraph& g, Value* x) {
              Value* matrix = g.value("Reshape", {x, g.ints({-1, inner})});
              Value* y =
                  g.value("Reshape", {g.value(op, {matrix}, {{"axis", int64_t{1}}}), g.ints({2, 3, 4, 5})});
              return relu ? g.value("Relu", {y}) : y;
            });
      }
}

TEST(UpgradeTest, NamesStay) {
  SmallGraph g(7, 11);
  g.output(g.value("Relu", {g.value("Softmax", {g.input({2, 3, 4})})}));
  EXPECT_NE(g.graph.find_node("Softmax"), nullptr);
  EXPECT_NE(g.graph.find_value("Softmax_out0"), nullptr);
  EXPECT_EQ(g.graph.find_node("Softmax")->op, "Reshape");
}

struct PictureCase {
  InputKind train, rt;
  bool nhwc;
};

// The graph input holds pixel - 128 in run-time colours; the network sees training colours.
TEST(PreprocessTest, ValueIsPixelMinusMeanTimesScale) {
  for (const auto& c :
       {PictureCase{InputKind::rgb, InputKind::rgb, false},
        PictureCase{InputKind::bgr, InputKind::rgb, false}, PictureCase{InputKind::rgb, InputKind::bgr, true},
        PictureCase{InputKind::bgr, InputKind::bgr, true},
        PictureCase{InputKind::gray, InputKind::gray, false},
        PictureCase{InputKind::gray, InputKind::gray, true}}) {
    const int64_t channels = c.train == InputKind::gray ? 1 : 3;
    const Shape shape = c.nhwc ? Shape{2, 4, 5, channels} : Shape{2, channels, 4, 5};
    SmallGraph g(3);
    g.output(g.value("Relu", {g.value("Neg", {g.input(shape)})}));
    config::InputConfig input;
    input.kind_train = c.train;
    input.kind_rt = c.rt;
    input.nhwc_train = c.nhwc;
    input.norm = config::Norm::mean_and_scale;
    input.mean = channels == 1 ? std::vector<float>{127.5f} : std::vector<float>{123.675f, 116.28f, 103.53f};
    input.scale =
        channels == 1 ? std::vector<float>{0.0078125f} : std::vector<float>{0.0171f, 0.0175f, 0.0174f};
    passes::insert_preprocess(g.graph, {input});
    ops::infer_shapes(g.graph);
    Tensor pixels(DType::f32, shape);
    for (float& v : pixels.data<float>()) v = static_cast<float>(g.integer(0, 255)) - 128;
    const Tensor result = run_float(g.graph, {pixels})[0];
    ASSERT_EQ(result.shape(), shape);
    const int64_t plane = c.nhwc ? 1 : 20;
    for (int64_t i = 0; i < static_cast<int64_t>(result.size()); ++i) {
      const int64_t channel = i / plane % channels, swapped = c.train == c.rt ? channel : 2 - channel;
      const double pixel =
          static_cast<double>(pixels.data<float>()[static_cast<size_t>(i + (swapped - channel) * plane)]) +
          128;
      const auto k = static_cast<size_t>(channel);
      const double expected =
          (pixel - static_cast<double>(input.mean[k])) * static_cast<double>(input.scale[k]);
      ASSERT_NEAR(static_cast<double>(result.data<float>()[static_cast<size_t>(i)]), std::max(-expected, 0.0),
                  2e-6)
          << i;
    }
  }
}

TEST(PreprocessTest, FeaturemapsAreLeftAloneOrScaled) {
  SmallGraph g(3);
  g.output(g.value("Neg", {g.input({1, 2, 3, 3})}));
  config::InputConfig input;
  passes::insert_preprocess(g.graph, {input});
  EXPECT_EQ(g.graph.nodes().size(), 1u);
  input.norm = config::Norm::mean_and_scale;
  input.mean = {1, 2};
  input.scale = {0.5f, 4};
  passes::insert_preprocess(g.graph, {input});
  ops::infer_shapes(g.graph);
  const Tensor x = g.data({1, 2, 3, 3});
  const Tensor y = run_float(g.graph, {x})[0];
  for (size_t i = 0; i < x.size(); ++i)
    EXPECT_NEAR(y.data<float>()[i], -(x.data<float>()[i] - input.mean[i / 9]) * input.scale[i / 9], 1e-5f);
}

TEST(PreprocessTest, WrongChannelCountIsAnError) {
  SmallGraph g(3);
  g.output(g.value("Neg", {g.input({1, 4, 3, 3})}));
  config::InputConfig input;
  input.kind_train = input.kind_rt = InputKind::rgb;
  EXPECT_THROW(passes::insert_preprocess(g.graph, {input}), Error);
}

}  // namespace
}  // namespace openhb
