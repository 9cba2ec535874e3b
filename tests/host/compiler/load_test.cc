// SPDX-License-Identifier: Apache-2.0
// calibration_type: load. A quantized model, read again, gives the program it came from.
#include <gtest/gtest.h>

#include <algorithm>

#include "host/compiler/convert.h"
#include "host/precision/assign.h"
#include "host/quantize/load.h"
#include "host/quantize/qdq.h"
#include "tests/host/compiler/small_graph.h"

namespace openhb {
namespace {

using test::SmallGraph;
using test::Value;

compiler::LowerOptions integer() {
  compiler::LowerOptions o;
  o.int8 = true;
  return o;
}

std::vector<Tensor> run(const graph::Graph& graph, const std::vector<Tensor>& inputs) {
  compiler::GraphRunner runner(graph, integer(), 1);
  runner.run(inputs);
  std::vector<Tensor> results;
  for (size_t i = 0; i < graph.outputs.size(); ++i) results.push_back(runner.output(i));
  return results;
}

size_t integer_nodes(const graph::Graph& graph) {
  return static_cast<size_t>(std::ranges::count_if(graph.nodes(), [](const auto& n) { return n->int8; }));
}

// Ranges from one float run.
void annotate(graph::Graph& graph, const std::vector<Tensor>& inputs) {
  precision::assign_precision(graph, {});
  std::map<std::string, calibration::ClipRange> ranges;
  compiler::LowerOptions all;
  all.keep_all_values = true;
  compiler::GraphRunner floats(graph, all, 1);
  for (const Value* v : graph.inputs) ranges[v->name] = {-1, 1};
  floats.run(inputs, [&](const TensorDesc& desc, const std::byte* data) {
    const auto values = compiler::real_values(desc, data);
    if (values.empty()) return;
    ranges[desc.name] = {std::min(0.0f, *std::ranges::min_element(values)),
                         std::max(0.0f, *std::ranges::max_element(values))};
  });
  precision::apply_ranges(graph, {}, [&](const Value& v) { return ranges.at(v.name); });
}

graph::Graph loaded(graph::Graph quantized) {
  quantize::LoadedParams params = quantize::take_quantization(quantized);
  ops::infer_shapes(quantized);
  compiler::optimize(quantized);
  precision::assign_precision(quantized,
                              {.run_on_cpu = {}, .run_on_bpu = quantize::quantized_nodes(quantized, params)});
  quantize::apply_params(quantized, params);
  return quantized;
}

TEST(Load, OurOwnQuantizedModelGivesTheSameOutputs) {
  for (uint32_t seed = 0; seed < 12; ++seed) {
    SmallGraph g(seed);
    Value* x = g.input({1, 3, 12, 10});
    auto conv = [&](Value* v, int64_t channels) {
      return g.value("Conv", {v, g.weights({channels, v->shape[1], 3, 3}), g.weights({channels})},
                     {{"pads", std::vector<int64_t>{1, 1, 1, 1}}});
    };
    auto known = [&](Value* v) {  // the next layer needs its shape
      g.graph.outputs.clear();
      g.output(v);
      return v;
    };
    Value* a = known(g.value("Relu", {known(conv(x, 6))}));
    Value* b = known(g.value("Sigmoid", {known(conv(a, 6))}));
    Value* sum = known(g.value(g.integer(0, 1) ? "Add" : "Mul", {a, b}));
    Value* pooled = known(
        g.value("MaxPool", {sum},
                {{"kernel_shape", std::vector<int64_t>{2, 2}}, {"strides", std::vector<int64_t>{2, 2}}}));
    Value* joined = known(g.value("Concat", {pooled, known(g.value("LeakyRelu", {pooled}))}));
    Value* up = known(g.value("ConvTranspose", {joined, g.weights({12, 5, 2, 2}), g.weights({5})},
                              {{"strides", std::vector<int64_t>{2, 2}}}));
    Value* end = known(conv(up, 4));
    if (g.integer(0, 1)) end = known(g.value("Softmax", {end}, {{"axis", int64_t{1}}}));
    const std::vector<Tensor> inputs{g.data(x->shape)};
    annotate(g.graph, inputs);
    const graph::Graph again = loaded(quantize::quantized_graph(g.graph, {}));
    EXPECT_EQ(integer_nodes(again), integer_nodes(g.graph)) << "seed " << seed;
    for (const auto& node : again.nodes())
      if (!node->int8) EXPECT_EQ(node->op, "Softmax") << node->reason;
    const auto expected = run(g.graph, inputs), got = run(again, inputs);
    ASSERT_EQ(expected[0].shape(), got[0].shape());
    EXPECT_TRUE(std::ranges::equal(expected[0].bytes(), got[0].bytes())) << "seed " << seed;
    if (HasFailure()) return;
  }
}

Value* scalar(SmallGraph& g, float v) { return g.graph.add_constant("", Tensor::from<float>({}, {v})); }
Value* zero(SmallGraph& g, uint8_t z) { return g.graph.add_constant("", Tensor::from<uint8_t>({}, {z})); }

TEST(Load, QuantizedOperatorsBecomeIntegerLayers) {
  SmallGraph g(3);
  Value* x = g.input({1, 4, 5, 5});
  Value *sx = scalar(g, 0.01f), *zx = zero(g, 120), *sy = scalar(g, 0.05f), *zy = zero(g, 3);
  std::vector<int8_t> codes;
  for (int i = 0; i < 6 * 4 * 9; ++i) codes.push_back(static_cast<int8_t>(g.integer(-100, 100)));
  std::vector<float> scales;
  std::vector<int32_t> bias;
  for (int i = 0; i < 6; ++i)
    scales.push_back(g.real(0.001f, 0.01f)), bias.push_back(static_cast<int32_t>(g.integer(-900, 900)));
  Value* codes_x = g.value("QuantizeLinear", {x, sx, zx});
  Value* codes_y = g.value(
      "QLinearConv", {codes_x, sx, zx, g.graph.add_constant("w", Tensor::from<int8_t>({6, 4, 3, 3}, codes)),
                      g.graph.add_constant("sw", Tensor::from<float>({6}, scales)),
                      g.graph.add_constant("zw", Tensor(DType::i8, {6})), sy, zy,
                      g.graph.add_constant("b", Tensor::from<int32_t>({6}, bias))});
  Value* pooled = g.value("MaxPool", {codes_y}, {{"kernel_shape", std::vector<int64_t>{2, 2}}});
  g.graph.outputs.push_back(g.value("DequantizeLinear", {pooled, sy, zy}));
  const graph::Graph again = loaded(std::move(g.graph));
  EXPECT_EQ(integer_nodes(again), 2u);
  Tensor input(DType::f32, {1, 4, 5, 5});
  std::vector<int> ux;
  for (float& v : input.data<float>())
    ux.push_back(static_cast<int>(g.integer(0, 255))), v = static_cast<float>(ux.back() - 120) * 0.01f;
  const Tensor y = run(again, {input})[0];
  ASSERT_EQ(y.shape(), (Shape{1, 6, 2, 2}));
  for (int o = 0; o < 6; ++o)
    for (int row = 0; row < 2; ++row)
      for (int column = 0; column < 2; ++column) {
        int best = 0;
        for (int dy = 0; dy < 2; ++dy)
          for (int dx = 0; dx < 2; ++dx) {
            int32_t acc = bias[static_cast<size_t>(o)];
            for (int c = 0; c < 4; ++c)
              for (int k = 0; k < 9; ++k)
                acc += (ux[static_cast<size_t>((c * 5 + row + dy + k / 3) * 5 + column + dx + k % 3)] - 120) *
                       codes[static_cast<size_t>((o * 4 + c) * 9 + k)];
            const float m = 0.01f * scales[static_cast<size_t>(o)] / 0.05f;
            const float code = std::clamp(std::nearbyint(static_cast<float>(acc) * m) + 3.0f, 0.0f, 255.0f);
            best = std::max(best, static_cast<int>(code));
          }
        EXPECT_EQ(y.data<float>()[static_cast<size_t>((o * 2 + row) * 2 + column)],
                  static_cast<float>(best - 3) * 0.05f);
      }
}

TEST(Load, WhatHasNoScaleStaysInFloat) {
  SmallGraph g(5);
  Value *x = g.input({1, 3, 4, 4}), *s = scalar(g, 0.02f), *z = zero(g, 128);
  Value* real = g.value("DequantizeLinear", {g.value("QuantizeLinear", {x, s, z}), s, z});
  Value* first = g.value("Conv", {real, g.weights({3, 3, 1, 1})});
  Value* second = g.value("Conv", {first, g.weights({3, 3, 1, 1})});
  g.graph.outputs.push_back(second);
  const graph::Graph again = loaded(std::move(g.graph));
  EXPECT_EQ(integer_nodes(again), 1u);
  for (const auto& node : again.nodes())
    if (!node->int8) EXPECT_NE(node->reason.find("gives no scale"), std::string::npos) << node->reason;
}

TEST(Load, AFloatModelIsRefused) {
  SmallGraph g(7);
  g.graph.outputs.push_back(g.value("Relu", {g.input({1, 3})}));
  EXPECT_THROW(quantize::take_quantization(g.graph), Error);
}

}  // namespace
}  // namespace openhb
