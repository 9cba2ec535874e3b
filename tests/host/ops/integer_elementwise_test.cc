// SPDX-License-Identifier: Apache-2.0
// Element-wise operators and reductions on int8 codes against the same operators in float on what the codes
// mean.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "host/precision/assign.h"
#include "tests/host/compiler/small_graph.h"

namespace openhb::test {
namespace {

using Attributes = std::map<std::string, graph::Attribute>;
using Ints = std::vector<int64_t>;

struct Range {
  float lo, hi;
};

// One operator on the integer engine, forced by run_on_bpu. Inputs are random multiples of their scales, so
// that their codes are exact.
struct IntegerCase {
  SmallGraph g;
  std::vector<Range> ranges;
  std::vector<Tensor> fed;
  Tensor in_float, in_codes;

  explicit IntegerCase(uint32_t seed) : g(seed, 21) {}

  Value* input(const Shape& shape, Range range) {
    ranges.push_back(range);
    const QuantParams q = precision::quant_of_range({range.lo, range.hi});
    Tensor t(DType::f32, shape);
    for (float& v : t.data<float>()) {
      const auto code = static_cast<float>(g.integer(-128, 127) - q.zero_point());
      v = std::clamp(code * q.scale(), range.lo, range.hi);
      v = std::nearbyint(v / q.scale()) * q.scale();
    }
    fed.push_back(t);
    return g.input(shape);
  }

  void run(Value* result) {
    g.output(result);
    precision::Choice choice;
    for (const auto& node : g.graph.nodes()) choice.run_on_bpu.push_back(node->name);
    precision::assign_precision(g.graph, choice);
    for (const auto& node : g.graph.nodes())
      EXPECT_TRUE(node->int8) << node->describe() << ": " << node->reason;
    in_float = run_float(g.graph, fed)[0];
    precision::apply_ranges(g.graph, {}, [&](const Value& v) {
      for (size_t i = 0; i < g.graph.inputs.size(); ++i)
        if (g.graph.inputs[i] == &v) return calibration::ClipRange{ranges[i].lo, ranges[i].hi};
      float lo = 0, hi = 0;
      for (const float x : in_float.data<float>())
        if (std::isfinite(x)) lo = std::min(lo, x), hi = std::max(hi, x);
      return calibration::ClipRange{lo, hi};
    });
    compiler::LowerOptions options;
    options.int8 = true;
    compiler::GraphRunner runner(g.graph, options, 1);
    runner.run(fed);
    in_codes = runner.output(0);
    bool integer = false;
    for (const Step& step : runner.program().steps) integer = integer || step.backend == Backend::bpu;
    EXPECT_TRUE(integer);
  }

  // Rounding to the output's codes explains the difference: half a scale, and 1 % of it for multipliers near
  // ties. What the codes cannot express is their nearest end.
  void expect_rounded(double scales = 0.505) const {
    const QuantParams& q = *g.graph.outputs[0]->quant;
    const auto end = [&](int code) { return static_cast<float>(code - q.zero_point()) * q.scale(); };
    ASSERT_EQ(in_codes.shape(), in_float.shape());
    for (size_t i = 0; i < in_float.size(); ++i) {
      const float e = in_float.data<float>()[i];
      const float expected = std::isnan(e) ? end(-128) : std::clamp(e, end(-128), end(127));
      ASSERT_NEAR(in_codes.data<float>()[i], expected, scales * static_cast<double>(q.scale()) + 1e-6) << i;
    }
  }
  void expect_equal() const {
    ASSERT_EQ(in_codes.dtype(), in_float.dtype());
    EXPECT_TRUE(std::ranges::equal(in_codes.bytes(), in_float.bytes()));
  }
};

constexpr uint32_t kSeeds = 8;
constexpr Range kWide{-3, 3}, kPositive{0.0f, 2.5f};
const Shape kShape{2, 3, 5, 4};

TEST(IntegerElementwise, Division) {
  for (uint32_t seed = 1; seed <= kSeeds; ++seed) {
    IntegerCase c(seed);
    Value *a = c.input(kShape, kWide), *b = c.input({3, 1, 1}, {-1, 2});
    for (float& v : c.fed[1].data<float>())
      if (v == 0) v = precision::quant_of_range({-1, 2}).scale() * 20;
    c.run(c.g.value("Div", {a, b}));
    c.expect_rounded();
  }
  IntegerCase zero(1);  // quotients without bound, and 0 / 0
  Value *a = zero.input(kShape, kWide), *b = zero.input(kShape, kWide);
  for (size_t i = 0; i < 40; ++i) zero.fed[1].data<float>()[i] = 0;
  for (size_t i = 0; i < 20; ++i) zero.fed[0].data<float>()[i] = 0;
  zero.run(zero.g.value("Div", {a, b}));
  zero.expect_rounded();
}

TEST(IntegerElementwise, SingleConstantsMakeTables) {
  for (uint32_t seed = 1; seed <= kSeeds; ++seed)
    for (const char* op : {"Div", "Pow", "Max", "Min", "PRelu"})
      for (const bool first : {false, true}) {
        if (first && std::string_view(op) == "PRelu") continue;
        SCOPED_TRACE(op);
        IntegerCase c(seed);
        Value* x = c.input(kShape, kPositive);
        Value* number = c.g.weights(seed % 2 ? Shape{} : Shape{1}, 0.5f, 2);
        c.run(first ? c.g.value(op, {number, x}) : c.g.value(op, {x, number}));
        c.expect_rounded();
      }
  IntegerCase c(1);
  Value* x = c.input(kShape, kWide);
  c.g.output(c.g.value("Pow", {x, c.g.weights({4})}));
  precision::assign_precision(c.g.graph, {{}, {c.g.graph.nodes()[0]->name}});
  EXPECT_NE(c.g.graph.nodes()[0]->reason.find("exponent"), std::string::npos);
}

// Functions that leave the reals inside of the input's range.
TEST(IntegerElementwise, TablesOfUnboundedFunctions) {
  for (const char* op : {"Log", "Sqrt", "Reciprocal", "Acosh", "Atanh", "Acos", "Asin", "Tan"}) {
    SCOPED_TRACE(op);
    IntegerCase c(3);
    c.run(c.g.value(op, {c.input(kShape, kWide)}));
    c.expect_rounded();
  }
}

TEST(IntegerElementwise, MaxAndMin) {
  for (uint32_t seed = 1; seed <= kSeeds; ++seed)
    for (const char* op : {"Max", "Min"}) {
      IntegerCase c(seed);
      Value *a = c.input(kShape, kWide), *b = c.input({3, 5, 1}, {-1, 2});
      c.run(c.g.value(op, {a, b}));
      c.expect_rounded();
      IntegerCase constant(seed);
      Value* x = constant.input(kShape, kWide);
      constant.run(constant.g.value(op, {x, constant.g.weights({3, 1, 1})}));
      constant.expect_rounded();
    }
}

TEST(IntegerElementwise, ComparisonsAreExact) {
  for (uint32_t seed = 1; seed <= kSeeds; ++seed)
    for (const char* op : {"Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"}) {
      SCOPED_TRACE(op);
      IntegerCase c(seed);
      Value *a = c.input(kShape, kWide), *b = c.input(kShape, seed % 2 ? kWide : kPositive);
      c.run(c.g.value(op, {a, b}));
      c.expect_equal();
    }
}

TEST(IntegerElementwise, OnRequestOnly) {
  for (const char* op : {"Softmax", "Min", "Less", "Div"}) {
    SmallGraph g(1, 21);
    Value *a = g.input({1, 4, 5, 5}), *b = g.input({1, 4, 5, 5});
    Value* y = std::string_view(op) == "Softmax" ? g.value(op, {a}) : g.value(op, {a, b});
    if (std::string_view(op) == "Less") y = g.value("Where", {y, a, b});
    g.output(g.value("Conv", {y, g.weights({2, 4, 1, 1})}));
    const graph::Node& node = *g.graph.nodes()[0];
    precision::assign_precision(g.graph, {});
    EXPECT_FALSE(node.int8) << op;
    EXPECT_NE(node.reason.find("run_on_bpu"), std::string::npos) << node.reason;
    precision::assign_precision(g.graph, {{}, {node.name}});
    EXPECT_TRUE(node.int8) << node.reason;
  }
}

TEST(IntegerElementwise, PReluPerChannel) {
  for (uint32_t seed = 1; seed <= kSeeds; ++seed)
    for (const Shape& slopes : {Shape{3, 1, 1}, Shape{4}, Shape{2, 3, 5, 4}}) {
      IntegerCase c(seed);
      Value* x = c.input(kShape, kWide);
      c.run(c.g.value("PRelu", {x, c.g.weights(slopes, -0.5f, 1.5f)}));
      c.expect_rounded();
    }
}

TEST(IntegerElementwise, Where) {
  for (uint32_t seed = 1; seed <= kSeeds; ++seed)
    for (const int form : {0, 1, 2}) {
      IntegerCase c(seed);
      Tensor mask(DType::boolean, {3, 5, 4});
      for (std::byte& b : mask.bytes()) b = static_cast<std::byte>(c.g.integer(0, 1));
      Value *a = c.input(kShape, kWide), *condition = c.g.graph.add_constant("", mask);
      Value* b = form == 0 ? c.input({1, 4}, {-1, 2}) : c.g.weights(form == 1 ? Shape{} : Shape{3, 1, 1});
      c.run(seed % 2 ? c.g.value("Where", {condition, a, b}) : c.g.value("Where", {condition, b, a}));
      c.expect_rounded();
    }
  SmallGraph g(1, 21);  // a mask of -1e9 beside codes would leave nothing of them
  Value* x = g.input({1, 4, 5, 5});
  Value* condition = g.graph.add_constant("", Tensor(DType::boolean, {5, 5}));
  const std::vector<float> low{-1e9f};
  Value* y = g.value("Where", {condition, x, g.graph.add_constant("", Tensor::from<float>({}, low))});
  g.output(g.value("Conv", {y, g.weights({2, 4, 1, 1})}));
  precision::assign_precision(g.graph, {});
  EXPECT_FALSE(g.graph.nodes()[0]->int8);
}

TEST(IntegerElementwise, Reductions) {
  for (uint32_t seed = 1; seed <= kSeeds; ++seed)
    for (const char* op : {"ReduceMax", "ReduceMin", "ReduceSum", "ReduceMean"})
      for (const Ints& axes : std::vector<Ints>{{1}, {-1}, {2, 3}, {0}, {0, 1, 2, 3}})
        for (const int64_t keep : {0, 1}) {
          SCOPED_TRACE(op);
          IntegerCase c(seed);
          Value* x = c.input(kShape, seed % 2 ? kWide : Range{-1, 2});
          c.run(c.g.value(op, {x, c.g.ints(axes)}, {{"keepdims", keep}}));
          const std::string_view name(op);
          name == "ReduceMax" || name == "ReduceMin" ? c.expect_rounded(0.01) : c.expect_rounded();
        }
}

TEST(IntegerElementwise, Positions) {
  for (uint32_t seed = 1; seed <= kSeeds; ++seed)
    for (const char* op : {"ArgMax", "ArgMin"})
      for (const int64_t axis : {1, 3}) {
        IntegerCase c(seed);
        Value* x = c.input(kShape, kWide);
        c.run(c.g.value(
            op, {x},
            {{"axis", axis}, {"keepdims", int64_t{seed % 2}}, {"select_last_index", int64_t{seed / 2 % 2}}}));
        c.expect_equal();
      }
}

TEST(IntegerElementwise, Softmax) {
  for (uint32_t seed = 1; seed <= kSeeds; ++seed)
    for (const int64_t axis : {1, 2, 3}) {
      IntegerCase c(seed);
      Value* x = c.input({1, 10, 6, 20}, Range{-8, 8});
      c.run(c.g.value("Softmax", {x}, {{"axis", axis}}));
      EXPECT_EQ(c.g.graph.outputs[0]->quant->scale(), 1.0f / 256);
      EXPECT_EQ(c.g.graph.outputs[0]->quant->zero_point(), -128);
      c.expect_rounded();
    }
}

}  // namespace
}  // namespace openhb::test
