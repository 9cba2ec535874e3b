// SPDX-License-Identifier: Apache-2.0
// int16 codes through assignment, lowering and engine: every operator that takes them, in all mixtures with
// int8, stays within an error that the scales explain; a network in int16 is much closer to float.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "host/precision/assign.h"
#include "host/quantize/qdq.h"
#include "host/quantize/weights.h"
#include "tests/host/compiler/small_graph.h"

namespace openhb {
namespace {

using precision::Int16Request;
using test::Node;
using test::SmallGraph;
using test::Value;
using Ints = std::vector<int64_t>;
using Observed = std::map<std::string, std::pair<DType, std::vector<float>>>;

Observed observe(const graph::Graph& graph, bool integer, bool keep_all, const std::vector<Tensor>& inputs) {
  compiler::LowerOptions options;
  options.int8 = integer;
  options.keep_all_values = keep_all;
  Observed seen;
  compiler::GraphRunner runner(graph, options, 1);
  runner.run(inputs, [&](const TensorDesc& desc, const std::byte* data) {
    seen[desc.name] = {desc.dtype, compiler::real_values(desc, data)};
  });
  return seen;
}

double largest(std::span<const float> values) {
  double m = 0;
  for (float v : values) m = std::max(m, std::fabs(static_cast<double>(v)));
  return m;
}

// Assigns codes and ranges from a float run; returns what that run saw.
Observed annotate(SmallGraph& g, const std::vector<Int16Request>& requests,
                  const std::vector<Tensor>& inputs) {
  const Observed floats = observe(g.graph, false, true, inputs);
  std::vector<std::string> on_request;  // float without this
  for (const auto& node : g.graph.nodes())
    if (node->op == "Min") on_request.push_back(node->name);
  precision::assign_precision(g.graph, {{}, on_request, requests});
  precision::apply_ranges(g.graph, {}, [&](const Value& v) {
    std::span<const float> values;
    for (size_t i = 0; i < inputs.size(); ++i)
      if (&v == g.graph.inputs[i]) values = inputs[i].data<float>();
    if (v.producer) values = floats.at(v.name).second;
    const auto [lo, hi] = std::ranges::minmax_element(values);
    return calibration::ClipRange{std::min(0.0f, *lo), std::max(0.0f, *hi)};
  });
  EXPECT_FALSE(precision::demote_overflowing(g.graph));
  return floats;
}

// Bounds of max|integer value - float value| along the graph, in the maximum norm: E of an operand, m its
// largest magnitude, s a scale. Sums of K products: K * (max|w| * E + (m + E) * sw / 2) + sx * sw / 2; Add,
// Sub: Ea + Eb; Mul: ma * Eb + mb * Ea + Ea * Eb; functions of slope 1 at most: E; everything else: E. Own
// codes add s / 2, interpolated tables one code. 1 % is for the arithmetic near ties.
class Bounds {
 public:
  Bounds(const graph::Graph& graph, const Observed& floats, const std::vector<Tensor>& inputs)
      : floats_(floats) {
    for (size_t i = 0; i < inputs.size(); ++i) {
      const Value* v = graph.inputs[i];
      magnitude_[v] = largest(inputs[i].data<float>());
      error_[v] = half_code(*v);
    }
    for (const auto& node : graph.nodes()) {
      const auto rule = ops::op_of(*node, ops::kGraphOpset).quant(*node);
      double e = of_node(*node, rule);
      if (rule.kind == ops::QuantKind::table && node->input(0)->codes == DType::i16 &&
          node->outputs[0]->quant)
        e += static_cast<double>(node->outputs[0]->quant->scale());
      for (const Value* v : node->outputs) error_[v] = e + half_code(*v);
    }
  }
  double of(const Value* v) const { return error_.at(v); }

 private:
  static double half_code(const Value& v) {
    return v.quant ? 0.505 * static_cast<double>(v.quant->scale()) : 0.0;
  }
  double magnitude(const Value* v) const {
    if (v->is_constant()) return largest(v->constant->data<float>());
    return v->producer ? largest(floats_.at(v->name).second) : magnitude_.at(v);
  }
  double error(const Node& node, size_t i) const {
    const Value* v = node.input(i);
    if (!v->is_constant()) return error_.at(v);
    return 0.505 * static_cast<double>((node.int16() ? compiler::constant_quant_int16(*v->constant)
                                                     : compiler::constant_quant(*v->constant))
                                           .scale());
  }
  double of_node(const Node& node, const ops::QuantRule& rule) const {
    if (rule.kind == ops::QuantKind::compute) {
      const Value* x = node.input(0);
      const Tensor& w = *node.input(1)->constant;
      const auto integer = quantize::quantize_weights(w, rule.weight_axis,
                                                      node.input(2) ? node.input(2)->constant.get() : nullptr,
                                                      x->quant->scale(), x->codes);
      const double sw = largest(integer.scales), sx = static_cast<double>(x->quant->scale());
      const double terms = static_cast<double>(w.size()) / static_cast<double>(integer.scales.size());
      const double e = error(node, 0);
      return terms * (magnitude(node.input(1)) * e + (magnitude(x) + e) * sw / 2) + sx * sw / 2;
    }
    if (node.op == "Add" || node.op == "Sub") return error(node, 0) + error(node, 1);
    if (node.op == "Mul") {
      const double a = error(node, 0), b = error(node, 1);
      return magnitude(node.input(0)) * b + magnitude(node.input(1)) * a + a * b;
    }
    double e = 0;
    for (size_t i : rule.activations) e = std::max(e, error(node, i));
    if (node.op == "ReduceSum")
      e *= static_cast<double>(num_elements(node.input(0)->shape) / num_elements(node.outputs[0]->shape));
    return e;
  }

  const Observed floats_;
  std::map<const Value*, double> error_, magnitude_;
};

using Build = std::function<Value*(SmallGraph&)>;

// A convolution or matrix product behind it, without which nothing would be integer.
void finish(SmallGraph& g, Value* v) {
  g.output(v);
  const Shape shape = v->shape;
  g.graph.outputs.clear();
  g.output(shape.size() == 4 ? g.value("Conv", {v, g.weights({5, shape[1], 1, 1}), g.weights({5})})
                             : g.value("MatMul", {v, g.weights({shape.back(), 5})}));
}

// Everything int16; all inputs; all outputs; some nodes.
std::vector<Int16Request> requests(const SmallGraph& g, uint32_t mode) {
  if (mode == 0) return {Int16Request{}};
  if (mode == 1) return {Int16Request{.outputs = false}};
  if (mode == 2) return {Int16Request{.inputs = false}};
  std::vector<Int16Request> some;
  size_t i = 0;
  for (const auto& node : g.graph.nodes())
    if (i++ % 2 == mode % 2) some.push_back({.node = node->name, .inputs = mode < 5, .outputs = mode > 3});
  return some;
}

void check(const Build& build) {
  size_t wide = 0;
  for (uint32_t seed = 0; seed < 14; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    SmallGraph g(seed + 1, ops::kGraphOpset);
    finish(g, build(g));
    std::vector<Tensor> inputs;
    for (const Value* v : g.graph.inputs) inputs.push_back(g.data(v->shape, -3, 3));
    const Observed floats = annotate(g, requests(g, seed % 7), inputs);
    const Bounds bounds(g.graph, floats, inputs);
    const Observed codes = observe(g.graph, true, false, inputs);
    for (const auto& [name, tensor] : codes) {
      const Value* v = g.graph.find_value(name);
      if (!v || !floats.contains(name)) continue;
      if (v->quant) EXPECT_EQ(tensor.first, v->codes) << name;
      const auto& expected = floats.at(name).second;
      ASSERT_EQ(tensor.second.size(), expected.size()) << name;
      double worst = 0;
      for (size_t i = 0; i < expected.size(); ++i)
        worst = std::max(worst,
                         std::fabs(static_cast<double>(tensor.second[i]) - static_cast<double>(expected[i])));
      EXPECT_LE(worst, bounds.of(v) + 1e-5 * largest(expected)) << name << " " << dtype_name(tensor.first);
    }
    for (const auto& v : g.graph.values()) wide += v->quant && v->codes == DType::i16;
  }
  EXPECT_GE(wide, 12u);  // some requests name only nodes with float outputs
}

Value* picture(SmallGraph& g, int64_t channels = 6) {
  return g.input({1, channels, g.integer(5, 9), g.integer(5, 9)});
}

TEST(Int16Test, SumsOfProducts) {
  for (int64_t groups : {1, 2, 6})
    check([=](SmallGraph& g) {
      return g.value("Conv", {picture(g), g.weights({12, 6 / groups, 3, 2}), g.weights({12})},
                     {{"group", groups}, {"pads", Ints{1, 0, 1, 1}}, {"strides", Ints{1, g.integer(1, 2)}}});
    });
  check([](SmallGraph& g) {
    return g.value("Relu", {g.value("Conv", {picture(g), g.weights({6, 1, 3, 3})}, {{"group", int64_t{6}}})});
  });
  check([](SmallGraph& g) {
    return g.value("Gemm", {g.input({3, 10}), g.weights({20, 10}), g.weights({20})},
                   {{"transB", int64_t{1}}});
  });
  check([](SmallGraph& g) { return g.value("MatMul", {g.input({2, 3, 10}), g.weights({10, 7})}); });
}

TEST(Int16Test, Binary) {
  for (const char* op : {"Add", "Sub", "Mul"}) {
    SCOPED_TRACE(op);
    check([=](SmallGraph& g) { return g.value(op, {g.input({1, 6, 5, 4}), g.input({1, 6, 1, 1})}); });
    check([=](SmallGraph& g) { return g.value(op, {g.input({1, 6, 5, 4}), g.weights({6, 1, 1})}); });
    check([=](SmallGraph& g) { return g.value(op, {g.weights({}), g.input({1, 6, 5, 4})}); });
    check([=](SmallGraph& g) {
      Value* x = picture(g);
      return g.value(op, {g.value("Tanh", {x}), g.value("Sigmoid", {x})});
    });
  }
}

TEST(Int16Test, Functions) {
  for (const char* op : {"Relu", "Sigmoid", "Tanh", "LeakyRelu", "HardSigmoid", "Softplus", "Sin", "Abs"}) {
    SCOPED_TRACE(op);
    check([=](SmallGraph& g) { return g.value(op, {picture(g)}); });
  }
  check([](SmallGraph& g) {  // chains and x * g(x)
    Value *x = picture(g), *y = g.value("Tanh", {g.value("Sigmoid", {x})});
    return g.value("Mul", {x, y});
  });
}

TEST(Int16Test, Pools) {
  for (const char* op : {"MaxPool", "AveragePool"})
    check([=](SmallGraph& g) {
      return g.value(op, {picture(g)}, {{"kernel_shape", Ints{3, 2}}, {"pads", Ints{1, 0, 1, 1}}});
    });
  check([](SmallGraph& g) { return g.value("GlobalAveragePool", {picture(g)}); });
  check([](SmallGraph& g) { return g.value("ReduceMean", {picture(g), g.ints({2, 3})}); });
}

TEST(Int16Test, Reductions) {
  for (const char* op : {"ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin"})
    check([=](SmallGraph& g) { return g.value(op, {picture(g), g.ints({g.integer(1, 3)})}); });
  for (const char* op : {"Max", "Min"})
    check([=](SmallGraph& g) { return g.value(op, {g.input({1, 6, 5, 4}), g.input({1, 6, 1, 1})}); });
}

TEST(Int16Test, Movement) {
  for (int64_t axis : {1, 2})
    check([=](SmallGraph& g) {
      Value *a = g.value("Sigmoid", {g.input({1, 6, 5, 4})}), *b = g.input({1, 6, 5, 4});
      return g.value("Concat", {a, b, g.value("Tanh", {b})}, {{"axis", axis}});
    });
  check([](SmallGraph& g) {
    return g.value("Slice", {picture(g), g.ints({1, -1}), g.ints({5, -5}), g.ints({1, 3}), g.ints({2, -1})});
  });
  check([](SmallGraph& g) {
    const auto parts = g.node("Split", {picture(g), g.ints({2, 4})}, {{"axis", int64_t{1}}}, 2)->outputs;
    return g.value("Concat", {parts[1], parts[0]}, {{"axis", int64_t{1}}});
  });
  check([](SmallGraph& g) { return g.value("Pad", {picture(g), g.ints({0, 1, 2, 0, 0, 0, -1, 1})}); });
  check([](SmallGraph& g) { return g.value("Transpose", {picture(g)}, {{"perm", Ints{0, 3, 1, 2}}}); });
  check([](SmallGraph& g) { return g.value("Reshape", {g.input({1, 6, 4, 5}), g.ints({1, 3, 10, 4})}); });
  check([](SmallGraph& g) {
    return g.value("Gather", {picture(g), g.ints({4, -1, 0})}, {{"axis", int64_t{1}}});
  });
  check([](SmallGraph& g) { return g.value("Expand", {g.input({1, 6, 1, 4}), g.ints({1, 6, 5, 4})}); });
  check([](SmallGraph& g) { return g.value("DepthToSpace", {picture(g, 8)}, {{"blocksize", int64_t{2}}}); });
  for (const char* mode : {"nearest", "linear"})
    check([=](SmallGraph& g) {
      const std::vector<float> scales{1, 1, g.real(0.6f, 2.5f), g.real(0.6f, 2.5f)};
      Value* s = g.graph.add_constant("", Tensor::from<float>({4}, scales));
      return g.value("Resize", {picture(g), nullptr, s}, {{"mode", std::string(mode)}});
    });
}

// Weights that int8 expresses exactly, so that only the activations differ.
Value* exact_weights(SmallGraph& g, const Shape& shape) {
  Tensor w(DType::f32, shape);
  const int64_t each = num_elements(shape) / shape[0];
  for (size_t i = 0; i < w.size(); ++i)
    w.data<float>()[i] =
        static_cast<float>(static_cast<int64_t>(i) % each == 0 ? 127 : g.integer(-127, 127)) / 512.0f;
  return g.graph.add_constant("", std::move(w));
}

TEST(Int16Test, NetworkIsMuchCloserToFloatThanInInt8) {
  for (uint32_t seed = 1; seed <= 5; ++seed) {
    SmallGraph g(seed, ops::kGraphOpset);
    Value* x = g.input({1, 4, 12, 12});
    const auto block = [&](Value* v, int64_t in, int64_t out, int64_t groups) {
      Value* c = g.value("Conv", {v, exact_weights(g, {out, in / groups, 3, 3}), g.weights({out})},
                         {{"pads", Ints{1, 1, 1, 1}}, {"group", groups}});
      return g.value("Mul", {c, g.value("Sigmoid", {c})});
    };
    Value *a = block(x, 4, 8, 1), *b = block(a, 8, 8, 8);
    Value* sum = g.value("Add", {a, b});
    Value* pooled = g.value("AveragePool", {sum}, {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}});
    Value* joined =
        g.value("Concat", {pooled, g.value("Relu", {block(pooled, 8, 8, 1)})}, {{"axis", int64_t{1}}});
    g.output(g.value("Conv", {joined, exact_weights(g, {6, 16, 1, 1}), g.weights({6})}));
    const std::vector<Tensor> inputs{g.data({1, 4, 12, 12}, -2, 2)};
    const auto error = [&](const std::vector<Int16Request>& asked) {
      const Observed floats = annotate(g, asked, inputs), codes = observe(g.graph, true, false, inputs);
      const auto &e = floats.at(g.graph.outputs[0]->name).second,
                 &y = codes.at(g.graph.outputs[0]->name + (asked.empty() ? "_HzDequantize" : "")).second;
      double sum_of_squares = 0;
      for (size_t i = 0; i < e.size(); ++i)
        sum_of_squares += std::pow(static_cast<double>(e[i]) - static_cast<double>(y[i]), 2);
      return std::sqrt(sum_of_squares / static_cast<double>(e.size()));
    };
    const double narrow = error({}), wide = error({Int16Request{}});
    EXPECT_LT(wide * 60, narrow) << "seed " << seed;
    EXPECT_GT(wide, 0);
  }
}

TEST(Int16Test, RequestsNameNodesOperatorsAndInputs) {
  SmallGraph g(1, ops::kGraphOpset);
  Value *a = g.input({1, 4, 3, 3}), *b = g.input({1, 4, 3, 3});
  Node* add = g.node("Add", {a, b});
  Node* pool = g.node("MaxPool", {add->outputs[0]}, {{"kernel_shape", Ints{1, 1}}});
  Node* conv = g.node("Conv", {pool->outputs[0], g.weights({4, 4, 1, 1})});
  Node* softmax = g.node("Softmax", {conv->outputs[0]}, {{"axis", int64_t{1}}});
  g.output(softmax->outputs[0]);
  const auto wide = [&](const std::vector<Int16Request>& asked) {
    const auto denied = precision::assign_precision(g.graph, {{}, {}, asked});
    std::vector<const Value*> list;
    for (const auto& v : g.graph.values())
      if (v->codes == DType::i16) list.push_back(v.get());
    EXPECT_TRUE(denied.empty() || asked[0].node == softmax->name);
    if (asked.size() == 1 && asked[0].node == softmax->name) {
      EXPECT_EQ(denied.size(), 1u);
    }
    return list;
  };
  using List = std::vector<const Value*>;
  const Value *sum = add->outputs[0], *pooled = pool->outputs[0];
  EXPECT_EQ(wide({}), List{});
  EXPECT_EQ(wide({{.node = add->name, .outputs = false, .input = 1}}), List{b});
  // The pool moves codes: its input and output are of one type.
  EXPECT_EQ(wide({{.node = add->name, .inputs = false}}), (List{sum, pooled}));
  EXPECT_EQ(wide({{.op = "Conv", .outputs = false}}), (List{sum, pooled}));
  EXPECT_EQ(wide({{.node = softmax->name}}), List{});  // runs in float
  EXPECT_EQ(wide({Int16Request{}}), (List{a, b, sum, pooled}));
  EXPECT_EQ(wide({}), List{});  // earlier requests leave no trace
  EXPECT_THROW(precision::assign_precision(g.graph, {{}, {}, {{.node = "nothing"}}}), Error);
}

TEST(Int16Test, MarchesWithoutInt16StayInt8) {
  for (const march::MarchRow& row : march::kMarches) {
    SmallGraph g(1, ops::kGraphOpset);
    Value* x = g.input({1, 4, 4, 4});
    g.output(g.value("Conv", {x, g.weights({4, 4, 1, 1})}));
    const auto denied = precision::assign_precision(g.graph, {{}, {}, {Int16Request{}}, row.march});
    EXPECT_EQ(denied.empty(), row.int16) << row.name;
    EXPECT_EQ(x->codes == DType::i16, row.int16) << row.name;
  }
}

// Pictures have 8 bits; what shares their scale follows them.
TEST(Int16Test, PicturesStayInt8) {
  SmallGraph g(1, ops::kGraphOpset);
  Value* x = g.input({1, 4, 4, 4});
  Value* pooled = g.value("MaxPool", {x}, {{"kernel_shape", Ints{2, 2}}});
  g.output(g.value("Conv", {pooled, g.weights({4, 4, 1, 1})}));
  precision::assign_precision(g.graph, {{}, {}, {Int16Request{}}});
  precision::apply_ranges(g.graph, {x->name}, [](const Value&) { return calibration::ClipRange{-1, 3}; });
  EXPECT_EQ(x->codes, DType::i8);
  EXPECT_EQ(pooled->codes, DType::i8);
  EXPECT_EQ(*pooled->quant, (QuantParams{{1.0f}, {0}, -1}));
}

TEST(Int16Test, ScalesCoverTheRange) {
  for (const calibration::ClipRange range :
       {calibration::ClipRange{-1, 3}, {-5, 2}, {0, 0}, {-1e30f, 1e30f}}) {
    const QuantParams q = precision::int16_of_range(range);
    EXPECT_EQ(q.zero_point(), 0);
    EXPECT_GT(q.scale(), 0);
    EXPECT_GE(q.scale() * 32767.5f, std::max(range.hi, -range.lo));
  }
}

// Interpolation is within one code of the function; what no small table gives gets the full one.
TEST(Int16Test, TablesAreWithinOneCode) {
  const QuantParams to{{1.0f / 32767}, {0}, -1};
  const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
  EXPECT_LE(compiler::interpolation_table(sigmoid, 8.0f / 32767, to, DType::i16).size(), 4097u);
  const auto step = [](double x) { return std::floor(x * 3) / 3; };
  EXPECT_EQ(compiler::interpolation_table(step, 1.0f / 32767, to, DType::i16).size(), 65537u);
}

// The exported model has int16 QuantizeLinear, which came with opset 21.
TEST(Int16Test, ExportedModel) {
  SmallGraph g(1, ops::kGraphOpset);
  Value* x = g.input({1, 4, 4, 4});
  g.output(
      g.value("Conv", {g.value("Add", {x, g.weights({4, 1, 1})}), g.weights({4, 4, 1, 1}), g.weights({4})}));
  const std::vector<Tensor> inputs{g.data({1, 4, 4, 4}, -2, 2)};
  annotate(g, {Int16Request{}}, inputs);
  const graph::Graph q = quantize::quantized_graph(g.graph, {});
  EXPECT_GE(q.opset, 21);
  size_t wide = 0;
  for (const auto& n : q.nodes())
    if (n->op == "QuantizeLinear")
      wide += n->input(2)->dtype == DType::i16 && n->outputs[0]->dtype == DType::i16;
  EXPECT_EQ(wide, 2u);
}

}  // namespace
}  // namespace openhb
