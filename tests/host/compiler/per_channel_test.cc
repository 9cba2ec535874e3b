// SPDX-License-Identifier: Apache-2.0
// per_channel: channels are scaled by powers of two between convolutions; float must not notice.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "host/precision/channel_ranges.h"
#include "tests/host/compiler/annotated.h"

namespace openhb::precision {
namespace {

using test::SmallGraph;

// A convolution whose outputs have very different sizes, an activation, and a reader.
struct Chain {
  SmallGraph g;
  graph::Value *x, *middle;
  graph::Node *writer, *reader;

  Chain(uint32_t seed, const std::string& activation, bool depthwise) : g(seed) {
    x = g.input({1, 3, 8, 8});
    Tensor w = g.data({4, 3, 3, 3});
    const auto values = w.data<float>();
    for (size_t i = 0; i < values.size(); ++i) values[i] *= std::ldexp(1.0f, -3 * static_cast<int>(i / 27));
    writer = g.node("Conv", {x, g.graph.add_constant("w", std::move(w)), g.weights({4})});
    middle = activation.empty() ? writer->outputs[0] : g.value(activation, {writer->outputs[0]});
    reader = depthwise ? g.node("Conv", {middle, g.weights({4, 1, 3, 3})}, {{"group", int64_t{4}}})
                       : g.node("Conv", {middle, g.weights({5, 4, 1, 1})});
    g.output(reader->outputs[0]);
    for (const auto& node : g.graph.nodes()) node->int8 = true;
  }
};

TEST(PerChannel, FloatResultsKeepTheirBits) {
  for (const char* activation : {"", "Relu", "LeakyRelu"})
    for (const bool depthwise : {false, true}) {
      Chain c(5, activation, depthwise);
      const std::vector<Tensor> inputs{c.g.data({1, 3, 8, 8}, -2, 2)};
      const Tensor before = test::run_float(c.g.graph, inputs)[0];
      ASSERT_EQ(values_with_channels(c.g.graph), std::vector<const graph::Value*>{c.middle});
      const float first = c.writer->input(1)->constant->data<float>()[27];
      EXPECT_EQ(widen_channels(c.g.graph, {{c.middle->name, {8.0f, 1.0f, 0.1f, 0.0f}}}), 1u);
      const Tensor after = test::run_float(c.g.graph, inputs)[0];
      EXPECT_EQ(std::memcmp(before.bytes().data(), after.bytes().data(), before.bytes().size()), 0)
          << activation << depthwise;
      // A power of two, at most what the range leaves room for.
      const float factor = c.writer->input(1)->constant->data<float>()[27] / first;
      EXPECT_GE(factor, depthwise ? 8.0f : 1.0f);
      EXPECT_LE(factor, 8.0f);
      int exponent = 0;
      EXPECT_EQ(std::frexp(factor, &exponent), 0.5f);
    }
}

TEST(PerChannel, OtherNeighboursKeepOneRange) {
  Chain clipped(6, "Sigmoid", false);
  EXPECT_TRUE(values_with_channels(clipped.g.graph).empty()) << "a sigmoid does not commute with factors";
  Chain seen(7, "Relu", false);
  seen.g.output(seen.middle);
  EXPECT_TRUE(values_with_channels(seen.g.graph).empty()) << "an output is the user's";
  Chain real(8, "Relu", false);
  real.reader->int8 = false;
  EXPECT_TRUE(values_with_channels(real.g.graph).empty()) << "a float reader has no codes";
  Chain equal(9, "Relu", false);
  EXPECT_EQ(widen_channels(equal.g.graph, {{equal.middle->name, {1, 1, 1, 1}}}), 0u);
  EXPECT_EQ(widen_channels(equal.g.graph, {{equal.middle->name, {1, 1}}}), 0u) << "of another network";
}

}  // namespace
}  // namespace openhb::precision
