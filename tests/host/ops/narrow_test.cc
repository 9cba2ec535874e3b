// SPDX-License-Identifier: Apache-2.0
// Conversions to float8, float4 and integers below 8 bits, against a search over all codes.
#include <gtest/gtest.h>

#include <cmath>

#include "host/graph/narrow.h"
#include "tests/host/compiler/small_graph.h"
#include "tests/host/frontend/models.h"

namespace openhb::test {
namespace {

using graph::NarrowType;

// Finite values of a float type with their codes, ascending.
std::vector<std::pair<float, int>> values_of(const NarrowType& t) {
  std::vector<std::pair<float, int>> list;
  for (int code = 0; code < 1 << t.bits; ++code) {
    const float v = graph::decode(t, static_cast<uint8_t>(code));
    if (std::isfinite(v) && !(v == 0 && std::signbit(v))) list.emplace_back(v, code);
  }
  std::sort(list.begin(), list.end());
  return list;
}

// The nearest value, ties to the even code.
float nearest(const std::vector<std::pair<float, int>>& values, float x) {
  const auto* best = &values[0];
  for (const auto& v : values) {
    const double d = std::fabs(static_cast<double>(v.first) - static_cast<double>(x)),
                 least = std::fabs(static_cast<double>(best->first) - static_cast<double>(x));
    if (d < least || (d == least && v.second % 2 == 0)) best = &v;
  }
  return best->first;
}

Tensor convert(const Tensor& x, int64_t to, bool saturate, const char* mode = "up") {
  SmallGraph g(1, ops::kGraphOpset);
  Value* in = g.graph.add_value("x", x.dtype(), x.shape());
  g.graph.inputs.push_back(in);
  g.output(g.value("Cast", {in},
                   {{"to", to}, {"saturate", int64_t{saturate}}, {"round_mode", std::string(mode)}}));
  return run_float(g.graph, {x})[0];
}

TEST(NarrowTest, DecodesKnownCodes) {
  const auto value = [](int type, int code) {
    return graph::decode(*graph::find_narrow_type(type), static_cast<uint8_t>(code));
  };
  EXPECT_EQ(value(17, 0x7e), 448);
  EXPECT_TRUE(std::isnan(value(17, 0x7f)) && std::isnan(value(17, 0xff)));
  EXPECT_EQ(value(17, 0x01), 0x1p-9f);
  EXPECT_EQ(value(18, 0x7f), 240);
  EXPECT_TRUE(std::isnan(value(18, 0x80)) && std::isnan(value(20, 0x80)));
  EXPECT_EQ(value(19, 0x7b), 57344);
  EXPECT_EQ(value(19, 0xfc), -std::numeric_limits<float>::infinity());
  EXPECT_EQ(value(20, 0x7f), 57344);
  EXPECT_EQ(value(23, 0x7), 6);
  EXPECT_EQ(value(23, 0x9), -0.5f);
  EXPECT_EQ(value(24, 127), 1);
}

TEST(NarrowTest, FloatsRoundToTheNearestCode) {
  for (const NarrowType& t : graph::kNarrowTypes) {
    if (!t.is_float() || t.onnx == graph::kFloat8E8M0) continue;
    const auto values = values_of(t);
    EXPECT_EQ(values.back().first, t.hi) << t.name;
    std::vector<float> x;
    for (size_t i = 0; i + 1 < values.size(); ++i) {
      const float a = values[i].first, b = values[i + 1].first, middle = a + (b - a) / 2;
      for (float v : {a, middle, std::nextafter(middle, a), std::nextafter(middle, b)}) x.push_back(v);
    }
    x.push_back(values.back().first);
    const Tensor in = Tensor::from<float>({static_cast<int64_t>(x.size())}, x);
    for (const bool saturate : {false, true}) {
      const Tensor y = convert(in, t.onnx, saturate);
      for (size_t i = 0; i < x.size(); ++i)
        EXPECT_EQ(y.data<float>()[i], nearest(values, x[i])) << t.name << " " << x[i];
    }
  }
}

TEST(NarrowTest, TooLargeAndNotANumber) {
  const float inf = std::numeric_limits<float>::infinity();
  const Tensor x =
      Tensor::from<float>({6}, std::vector<float>{inf, -inf, 1e30f, -1e30f, std::nanf(""), -0.0f});
  for (const NarrowType& t : graph::kNarrowTypes) {
    if (!t.is_float() || t.onnx == graph::kFloat8E8M0) continue;
    const Tensor saturated = convert(x, t.onnx, true);
    const auto s = saturated.data<float>();
    for (size_t i = 0; i < 4; ++i) EXPECT_EQ(s[i], i % 2 ? t.lo : t.hi) << t.name << " " << i;
    EXPECT_EQ(std::isnan(s[4]), t.nan) << t.name;
    EXPECT_EQ(std::signbit(s[5]), !t.unsigned_zero) << t.name;
    if (!t.nan) continue;
    const Tensor open = convert(x, t.onnx, false);
    for (size_t i = 0; i < 4; ++i)
      if (t.infinity)
        EXPECT_EQ(open.data<float>()[i], i % 2 ? -inf : inf) << t.name;
      else
        EXPECT_TRUE(std::isnan(open.data<float>()[i])) << t.name;
  }
}

TEST(NarrowTest, PowersOfTwo) {
  const Tensor x = Tensor::from<float>({4}, std::vector<float>{1.0f, 1.25f, 1.5f, 6.5f});
  const std::pair<const char*, std::vector<float>> cases[] = {
      {"up", {1, 2, 2, 8}}, {"down", {1, 1, 1, 4}}, {"nearest", {1, 1, 2, 8}}};
  for (const auto& [mode, expected] : cases) {
    const Tensor y = convert(x, graph::kFloat8E8M0, true, mode);
    for (size_t i = 0; i < 4; ++i) EXPECT_EQ(y.data<float>()[i], expected[i]) << mode;
  }
}

TEST(NarrowTest, IntegersKeepTheirLowBits) {
  std::vector<int32_t> values;
  for (int32_t v = -40; v < 40; ++v) values.push_back(v);
  const Tensor x = Tensor::from<int32_t>({80}, values);
  for (const NarrowType& t : graph::kNarrowTypes) {
    if (t.is_float()) continue;
    const Tensor y = convert(x, t.onnx, true);
    ASSERT_EQ(y.dtype(), t.held_as);
    for (size_t i = 0; i < 80; ++i) {
      const int found = t.lo < 0 ? y.data<int8_t>()[i] : y.data<uint8_t>()[i];
      EXPECT_EQ((found - values[i]) % (1 << t.bits), 0) << t.name;
      EXPECT_TRUE(static_cast<float>(found) >= t.lo && static_cast<float>(found) <= t.hi) << t.name;
    }
  }
}

TEST(NarrowTest, PackedInitializers) {
  onnx::ModelProto model = empty_model(21);
  add_input(model, "x", {3});
  add_output(model, "y");
  auto* w = add_initializer(model, "w", {3}, 22);  // int4: -1, 7, -8
  w->set_raw_data(std::string("\x7f\x08", 2));
  add_node(model, "Cast", "c", {"w"}, {"f"});
  add_attribute(model.mutable_graph()->mutable_node(0), "to", onnx::AttributeProto::INT)->set_i(1);
  add_node(model, "Add", "a", {"x", "f"}, {"y"});
  graph::Graph g = import(model);
  ops::infer_shapes(g);
  const Tensor y = run_float(g, {Tensor::from<float>({3}, std::vector<float>{0, 0, 0})})[0];
  EXPECT_EQ(y.data<float>()[0], -1);
  EXPECT_EQ(y.data<float>()[1], 7);
  EXPECT_EQ(y.data<float>()[2], -8);
  w->set_raw_data(std::string("\x7f", 1));
  EXPECT_THROW(import(model), Error);
}

}  // namespace
}  // namespace openhb::test
