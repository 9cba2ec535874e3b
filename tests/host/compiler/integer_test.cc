// SPDX-License-Identifier: Apache-2.0
// The integer program of every operator family stays within an error that its scales explain.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "common/program/file.h"
#include "host/ops/elementwise.h"
#include "host/precision/assign.h"
#include "host/quantize/weights.h"
#include "tests/host/compiler/small_graph.h"

namespace openhb {
namespace {

using test::Node;
using test::SmallGraph;
using test::Value;
using Observed = std::map<std::string, std::pair<TensorDesc, std::vector<float>>>;

compiler::LowerOptions options(bool int8, bool keep_all_values) {
  compiler::LowerOptions o;
  o.int8 = int8;
  o.keep_all_values = keep_all_values;
  return o;
}

constexpr float kInputRange = 3.0f;

Observed observe(const graph::Graph& graph, const compiler::LowerOptions& lower,
                 const std::vector<Tensor>& inputs) {
  Observed seen;
  compiler::GraphRunner runner(graph, lower, 1);
  runner.run(inputs, [&](const TensorDesc& desc, const std::byte* data) {
    seen[desc.name] = {desc, compiler::real_values(desc, data)};
  });
  return seen;
}

double largest(const std::vector<float>& values) {
  double m = 0;
  for (float v : values) m = std::max(m, std::fabs(static_cast<double>(v)));
  return m;
}

// Bounds of max|int8 value - float value|, derived along the graph in the maximum norm. Inputs are exact
// (they are multiples of their scale). With E the error of an operand, m its largest magnitude, s a scale:
//   sums of products of K terms: K * max|w| * E (operand) + K * (m + E) * sw / 2 (weights) + sx * sw / 2
//   (bias); Add, Sub: Ea + Eb; Mul: ma * Eb + mb * Ea + Ea * Eb; an int8 constant has E = s / 2; functions of
//   slope at most L: L * E; averages, interpolation, maxima and movement: E.
// A result with codes of its own adds s / 2 for rounding; the observed range is covered up to that s / 2,
// because the rounded zero point moves it by no more. 1 % is for the float arithmetic of multipliers near
// ties.
class Bounds {
 public:
  Bounds(const graph::Graph& graph, const Observed& floats) : floats_(floats) {
    for (const auto& node : graph.nodes()) {
      double e = of_node(*node);
      for (const Value* v : node->outputs) {
        const bool own_codes = v->quant && !(passive(*node) && v->quant == node->input(0)->quant &&
                                             node->op != "Resize" && node->op != "GridSample");
        error_[v] = e + (own_codes ? 0.505 * static_cast<double>(v->quant->scale()) : 0.0);
      }
    }
  }
  double of(const Value* v) const {
    if (v->is_constant()) return 0.505 * static_cast<double>(compiler::constant_quant(*v->constant).scale());
    const auto it = error_.find(v);
    return it == error_.end() ? 0.0 : it->second;
  }

 private:
  static bool passive(const Node& node) {
    return ops::op_of(node, 13).quant(node).kind == ops::QuantKind::passive;
  }
  double magnitude(const Value* v) const {
    if (v->is_constant())
      return largest({v->constant->data<float>().begin(), v->constant->data<float>().end()});
    // Graph inputs are not the result of a step.
    return v->producer ? largest(floats_.at(v->name).second) : static_cast<double>(kInputRange);
  }
  double of_node(const Node& node) const {
    const auto rule = ops::op_of(node, 13).quant(node);
    const Value* x = node.input(0);
    if (rule.kind == ops::QuantKind::compute) {
      const Tensor& w = *node.input(1)->constant;
      const Tensor* bias = node.input(2) ? node.input(2)->constant.get() : nullptr;
      const double sx = static_cast<double>(x->quant->scale());
      const auto integer = quantize::quantize_weights(w, rule.weight_axis, bias, x->quant->scale());
      const double sw = largest(integer.scales);
      const double terms = static_cast<double>(w.size()) / static_cast<double>(integer.scales.size());
      return terms * (magnitude(node.input(1)) * of(x) + (magnitude(x) + of(x)) * sw / 2) + sx * sw / 2;
    }
    if (node.op == "Add" || node.op == "Sub") return of(x) + of(node.input(1));
    if (node.op == "Mul") {
      const Value* y = node.input(1);
      return magnitude(x) * of(y) + magnitude(y) * of(x) + of(x) * of(y);
    }
    double e = 0;
    for (size_t i : rule.activations) e = std::max(e, of(node.input(i)));
    if (rule.kind != ops::QuantKind::table) return e;
    EXPECT_TRUE(e == 0 || node.op == "Relu" || node.op == "Sigmoid") << "no slope is known for " << node.op;
    return e;
  }

  const Observed floats_;
  std::map<const Value*, double> error_;
};

// Annotates the graph for int8 from a float run on random inputs, and returns those.
std::vector<Tensor> annotate(SmallGraph& g) {
  precision::assign_precision(g.graph, {});
  for (const auto& n : g.graph.nodes()) EXPECT_TRUE(n->int8) << n->describe() << ": " << n->reason;
  const auto range = calibration::ClipRange{-kInputRange, kInputRange};
  const QuantParams codes = precision::quant_of_range(range);
  std::vector<Tensor> inputs;
  for (const Value* v : g.graph.inputs) {
    Tensor t(DType::f32, v->shape);
    for (float& x : t.data<float>()) x = static_cast<float>(g.integer(-127, 127)) * codes.scale();
    inputs.push_back(std::move(t));
  }
  const Observed floats = observe(g.graph, options(false, true), inputs);
  precision::apply_ranges(g.graph, {}, [&](const Value& v) {
    if (!v.producer) return range;
    const auto& values = floats.at(v.name).second;
    return calibration::ClipRange{std::min(0.0f, *std::ranges::min_element(values)),
                                  std::max(0.0f, *std::ranges::max_element(values))};
  });
  EXPECT_FALSE(precision::demote_overflowing(g.graph));
  return inputs;
}

// A convolution or matrix product behind `v`, without which nothing would be int8.
void finish(SmallGraph& g, Value* v) {
  g.output(v);
  const Shape shape = v->shape;
  g.graph.outputs.clear();
  g.output(shape.size() == 4 ? g.value("Conv", {v, g.weights({5, shape[1], 1, 1}), g.weights({5})})
                             : g.value("MatMul", {v, g.weights({shape.back(), 5})}));
}

using Build = std::function<Value*(SmallGraph&)>;

void check(const Build& build, bool has_unfused_form) {
  for (uint32_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    SmallGraph g(seed);
    finish(g, build(g));
    const std::vector<Tensor> inputs = annotate(g);
    const Observed floats = observe(g.graph, options(false, true), inputs);
    const Observed codes = observe(g.graph, options(true, false), inputs);
    const Bounds bounds(g.graph, floats);
    size_t compared = 0;
    for (const auto& [name, tensor] : codes) {
      const Value* v = g.graph.find_value(name);
      if (!v || !floats.contains(name)) continue;
      const auto& expected = floats.at(name).second;
      ASSERT_EQ(tensor.second.size(), expected.size()) << name;
      const double limit = bounds.of(v) + 1e-5 * largest(expected);
      double worst = 0;
      for (size_t i = 0; i < expected.size(); ++i)
        worst = std::max(worst,
                         std::fabs(static_cast<double>(tensor.second[i]) - static_cast<double>(expected[i])));
      EXPECT_LE(worst, limit) << name;
      compared += tensor.first.dtype == DType::i8 || tensor.first.dtype == DType::i32;
    }
    EXPECT_GE(compared, 2u);
    if (has_unfused_form) {
      const Observed unfused = observe(g.graph, options(true, true), inputs);
      for (const auto& [name, tensor] : codes)
        EXPECT_EQ(tensor.second, unfused.at(name).second) << name << " differs from the unfused sequence";
    }
    const auto lower = [&] {
      return serialize_program(compiler::Lowering(g.graph, options(true, false)).run());
    };
    EXPECT_EQ(lower(), lower());
  }
}

using Ints = std::vector<int64_t>;

Value* picture(SmallGraph& g, int64_t channels = 6) {
  return g.input({1, channels, g.integer(5, 9), g.integer(5, 9)});
}

Value* convolution(SmallGraph& g, int64_t in, int64_t out, int64_t groups) {
  const Ints kernel{g.integer(1, 3), g.integer(1, 3)};
  return g.value("Conv",
                 {picture(g, in), g.weights({out, in / groups, kernel[0], kernel[1]}), g.weights({out})},
                 {{"group", groups},
                  {"strides", Ints{g.integer(1, 2), g.integer(1, 2)}},
                  {"dilations", Ints{1, g.integer(1, 2)}},
                  {"pads", Ints{g.integer(0, 1), g.integer(0, 1), g.integer(0, 1), g.integer(0, 1)}}});
}

TEST(IntegerTest, Convolutions) {
  for (int64_t groups : {1, 2, 6}) check([=](SmallGraph& g) { return convolution(g, 6, 12, groups); }, true);
  check([](SmallGraph& g) { return convolution(g, 7, 7, 7); }, true);
  check([](SmallGraph& g) { return g.value("Relu", {convolution(g, 6, 12, 1)}); }, false);
  check([](SmallGraph& g) { return g.value("Relu", {convolution(g, 18, 18, 18)}); }, false);
}

TEST(IntegerTest, MatrixProducts) {
  check(
      [](SmallGraph& g) { return g.value("Gemm", {g.input({3, 10}), g.weights({10, 20}), g.weights({20})}); },
      true);
  check(
      [](SmallGraph& g) {
        return g.value("Gemm", {g.input({3, 10}), g.weights({20, 10}), g.weights({20})},
                       {{"transB", int64_t{1}}});
      },
      true);
  check([](SmallGraph& g) { return g.value("MatMul", {g.input({2, 3, 10}), g.weights({10, 7})}); }, true);
}

TEST(IntegerTest, Binary) {
  for (const char* op : {"Add", "Sub", "Mul"}) {
    SCOPED_TRACE(op);
    check([=](SmallGraph& g) { return g.value(op, {g.input({1, 6, 5, 4}), g.input({1, 6, 5, 4})}); }, true);
    check([=](SmallGraph& g) { return g.value(op, {g.input({1, 6, 5, 4}), g.input({1, 6, 1, 1})}); }, true);
    check([=](SmallGraph& g) { return g.value(op, {g.input({5, 1}), g.input({1, 6, 5, 4})}); }, true);
    check([=](SmallGraph& g) { return g.value(op, {g.input({1, 6, 5, 4}), g.weights({6, 1, 1})}); }, true);
    check([=](SmallGraph& g) { return g.value(op, {g.weights({1, 6, 5, 4}), g.input({1, 6, 5, 4})}); }, true);
    check([=](SmallGraph& g) { return g.value(op, {g.input({1, 6, 5, 4}), g.weights({})}); }, true);
  }
}

TEST(IntegerTest, Tables) {
  for (const auto& row : ops::kUnaryRows) {
    const std::string op(row.op);
    // Not defined on the whole range of the input: integer_elementwise_test.cc.
    constexpr std::string_view kPartial[] = {"Log", "Sqrt", "Reciprocal", "Acos", "Acosh", "Asin", "Atanh"};
    if (std::ranges::find(kPartial, op) != std::end(kPartial)) continue;
    SCOPED_TRACE(op);
    check([=](SmallGraph& g) { return g.value(op, {picture(g)}); }, true);
  }
}

TEST(IntegerTest, ComposedTables) {
  check(
      [](SmallGraph& g) {
        Value* x = picture(g);
        return g.value("Mul", {x, g.value("Sigmoid", {x})});
      },
      true);
  check(
      [](SmallGraph& g) {
        Value* x = picture(g);
        return g.value("Mul", {g.value("HardSwish", {x}), x});
      },
      true);
  check([](SmallGraph& g) { return g.value("Relu", {g.value("Sigmoid", {g.value("Tanh", {picture(g)})})}); },
        true);
  check(
      [](SmallGraph& g) {  // a table read by two nodes, one of which composes it
        Value *x = picture(g), *y = g.value("Tanh", {x});
        return g.value("Add", {g.value("Sigmoid", {y}), y});
      },
      true);
}

TEST(IntegerTest, Pools) {
  for (const char* op : {"MaxPool", "AveragePool"})
    for (int64_t ceil : {0, 1})
      check(
          [=](SmallGraph& g) {
            return g.value(op, {picture(g)},
                           {{"kernel_shape", Ints{3, g.integer(2, 3)}},
                            {"strides", Ints{g.integer(1, 2), 2}},
                            {"pads", Ints{1, g.integer(0, 1), g.integer(0, 1), 1}},
                            {"ceil_mode", ceil}});
          },
          true);
  check([](SmallGraph& g) { return g.value("GlobalAveragePool", {picture(g)}); }, true);
  for (int64_t keep : {0, 1})
    check(
        [=](SmallGraph& g) {
          return g.value("ReduceMean", {picture(g)}, {{"axes", Ints{2, 3}}, {"keepdims", keep}});
        },
        true);
}

TEST(IntegerTest, Concat) {
  for (int64_t axis : {1, 2, 3})
    check(
        [=](SmallGraph& g) {
          Shape other{1, 6, 5, 4};
          other[static_cast<size_t>(axis)] = g.integer(1, 4);
          Value *a = g.value("Sigmoid", {g.input({1, 6, 5, 4})}), *b = g.input(other);
          return g.value("Concat", {a, b, g.value("Tanh", {b})}, {{"axis", axis}});
        },
        true);
}

TEST(IntegerTest, Movement) {
  check(
      [](SmallGraph& g) {
        return g.value("Slice", {picture(g), g.ints({1, 1, -1}), g.ints({5, 4, -5}), g.ints({1, 2, 3}),
                                 g.ints({2, 1, -1})});
      },
      true);
  check(
      [](SmallGraph& g) {
        const auto parts =
            g.node("Split", {picture(g), g.ints({2, 2, 2})}, {{"axis", int64_t{1}}}, 3)->outputs;
        return g.value("Add", {parts[0], g.value("Mul", {parts[1], parts[2]})});
      },
      true);
  check([](SmallGraph& g) { return g.value("Pad", {picture(g), g.ints({0, 1, 2, 0, 0, 0, -1, 1})}); }, true);
  check([](SmallGraph& g) { return g.value("Transpose", {picture(g)}, {{"perm", Ints{0, 3, 1, 2}}}); }, true);
  check([](SmallGraph& g) { return g.value("Reshape", {g.input({1, 6, 4, 5}), g.ints({1, 3, 10, 4})}); },
        true);
  check(
      [](SmallGraph& g) {  // channels last in memory, then flattened in ONNX order
        return g.value(
            "Reshape",
            {g.value("MaxPool", {g.input({1, 6, 4, 5})}, {{"kernel_shape", Ints{1, 1}}}), g.ints({2, -1})});
      },
      true);
  check(
      [](SmallGraph& g) {
        return g.value("Gather", {picture(g), g.ints({4, -1, 0})}, {{"axis", int64_t{1}}});
      },
      true);
  check([](SmallGraph& g) { return g.value("DepthToSpace", {picture(g, 8)}, {{"blocksize", int64_t{2}}}); },
        true);
}

// A float view of an input has no step of its own, but an int8 reader needs its range: it must be observed.
TEST(IntegerTest, ViewsOfInputsAreObserved) {
  SmallGraph g(1);
  finish(g, g.value("Reshape", {g.input({1, 6, 4, 5}), g.ints({1, 3, 10, 4})}));
  const Node& reshape = *g.graph.nodes().front();
  precision::assign_precision(g.graph, {{reshape.name}, {}});
  const Observed floats = observe(g.graph, options(false, false), {g.data({1, 6, 4, 5})});
  for (const Value* v : precision::values_to_calibrate(g.graph))
    EXPECT_TRUE(floats.contains(v->name)) << v->name;
}

TEST(IntegerTest, Resize) {
  for (const char* mode : {"nearest", "linear"})
    for (const char* coordinates : {"half_pixel", "align_corners", "asymmetric"})
      check(
          [=](SmallGraph& g) {
            const std::vector<float> scales{1, 1, g.real(0.6f, 2.5f), g.real(0.6f, 2.5f)};
            Value* s = g.graph.add_constant("", Tensor::from<float>({4}, scales));
            return g.value(
                "Resize", {picture(g), nullptr, s},
                {{"mode", std::string(mode)}, {"coordinate_transformation_mode", std::string(coordinates)}});
          },
          true);
}

Value* indices(SmallGraph& g, const Shape& shape, int64_t extent) {
  Tensor t(DType::i64, shape);
  for (int64_t& v : t.data<int64_t>()) v = g.integer(-extent, extent - 1);
  return g.graph.add_constant("", t);
}

TEST(IntegerTest, ComputedPositions) {
  using Make = std::function<Value*(SmallGraph&)>;
  const Shape shape{1, 6, 5, 7};
  const Make gathers[] = {
      [&](auto& g) {
        return g.value("GatherElements", {g.input(shape), indices(g, {1, 6, 5, 4}, 7)},
                       {{"axis", int64_t{3}}});
      },
      [&](auto& g) { return g.value("GatherND", {g.input(shape), indices(g, {3, 2, 2}, 1)}); },
      [&](auto& g) { return g.value("TopK", {g.input(shape), g.ints({3})}, {{"axis", int64_t{1}}}); },
      [&](auto& g) { return g.value("ReverseSequence", {g.input({4, 3, 6}), g.ints({2, 4, 1})}, {}); },
      [&](auto& g) { return g.value("Tile", {g.input(shape), g.ints({1, 2, 1, 3})}); },
      [&](auto& g) {
        Tensor condition(DType::boolean, {6});
        condition.bytes()[1] = condition.bytes()[4] = std::byte{1};
        return g.value("Compress", {g.input(shape), g.graph.add_constant("", condition)},
                       {{"axis", int64_t{1}}});
      }};
  for (const Make& make : gathers) check(make, true);
  for (const char* mode : {"edge", "reflect", "wrap"})
    check(
        [&](SmallGraph& g) {
          return g.value("Pad", {g.input(shape), g.ints({0, 0, 1, 2, 0, 1, 2, -1})},
                         {{"mode", std::string(mode)}});
        },
        true);
  check(  // data and updates of different scales
      [&](SmallGraph& g) {
        Value *x = g.input(shape), *y = g.input({1, 6, 2, 7});
        return g.value("ScatterElements",
                       {g.value("Sigmoid", {x}), indices(g, {1, 6, 2, 7}, 5), g.value("Tanh", {y})},
                       {{"axis", int64_t{2}}});
      },
      true);
}

TEST(IntegerTest, Sampling) {
  for (const char* mode : {"nearest", "linear"})
    for (const char* padding : {"zeros", "border", "reflection"})
      check(
          [&](SmallGraph& g) {
            Value* grid = g.graph.add_constant("", g.data({1, 4, 3, 2}, -1.3f, 1.3f));
            return g.value("GridSample", {picture(g), grid},
                           {{"mode", std::string(mode)}, {"padding_mode", std::string(padding)}});
          },
          true);
  check(  // nearest over any axes
      [](SmallGraph& g) {
        Value* s = g.graph.add_constant("", Tensor::from<float>({3}, std::vector<float>{2, 1.5f, 0.6f}));
        return g.value("Resize", {g.input({3, 4, 5}), nullptr, s});
      },
      true);
}

TEST(IntegerTest, PoolsOfOtherForms) {
  for (const char* op : {"MaxPool", "AveragePool"})
    for (int64_t count : {0, 1})
      check(
          [=](SmallGraph& g) {
            std::map<std::string, graph::Attribute> attributes{{"kernel_shape", Ints{2, 3, 2}},
                                                               {"strides", Ints{1, 2, 1}},
                                                               {"pads", Ints{0, 1, 1, 1, 0, 0}}};
            if (std::string(op) == "AveragePool") attributes["count_include_pad"] = count;
            return g.value(op, {g.input({1, 6, 4, 5, 6})}, attributes);
          },
          true);
  check([](SmallGraph& g) { return g.value("GlobalMaxPool", {picture(g)}); }, true);
  check([](SmallGraph& g) { return g.value("GlobalAveragePool", {g.input({1, 6, 3, 4, 5})}); }, true);
}

TEST(IntegerTest, ConcatOfConstants) {
  check(
      [](SmallGraph& g) {
        return g.value("Concat", {g.weights({1, 2, 5, 4}), g.input({1, 6, 5, 4})}, {{"axis", int64_t{1}}});
      },
      true);
}

}  // namespace
}  // namespace openhb
