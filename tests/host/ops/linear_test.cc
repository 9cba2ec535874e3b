// SPDX-License-Identifier: Apache-2.0
// ConvTranspose, Conv with up to 3 axes, Gemm and MatMul in random forms against sums written out; constant
// and computed operands; int8 against float within what the scales explain.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "host/precision/assign.h"
#include "tests/device/steps/harness.h"
#include "tests/host/compiler/small_graph.h"

namespace openhb {
namespace {

using test::SmallGraph;
using test::Value;
using Ints = std::vector<int64_t>;

void expect_near(const Tensor& expected, const Tensor& got, double bound, const std::string& what) {
  ASSERT_EQ(expected.shape(), got.shape()) << what;
  for (size_t i = 0; i < got.size(); ++i)
    ASSERT_NEAR(expected.data<float>()[i], got.data<float>()[i], bound) << what << ", element " << i;
}

struct Sliding {
  bool transposed;
  int64_t groups, inputs, outputs;  // of a group
  Ints kernel, stride, dilation, before, after, extra;
  size_t n() const { return kernel.size(); }
  Shape weights() const {
    Shape s = transposed ? Shape{groups * inputs, outputs} : Shape{groups * outputs, inputs};
    s.insert(s.end(), kernel.begin(), kernel.end());
    return s;
  }
  int64_t span(size_t i) const { return (kernel[i] - 1) * dilation[i] + 1; }
  std::map<std::string, graph::Attribute> attributes() const {
    Ints pads = before;
    pads.insert(pads.end(), after.begin(), after.end());
    std::map<std::string, graph::Attribute> a{
        {"group", groups}, {"strides", stride}, {"dilations", dilation}, {"pads", pads}};
    if (transposed) a["output_padding"] = extra;
    return a;
  }
};

Sliding random_sliding(SmallGraph& g, bool transposed, size_t n) {
  Sliding s{transposed, g.integer(0, 3) == 0 ? 2 : 1, g.integer(1, 4), g.integer(1, 4), {}, {}, {}, {}, {},
            {}};
  for (size_t i = 0; i < n; ++i) {
    s.kernel.push_back(g.integer(1, 4));
    s.stride.push_back(g.integer(1, 3));
    s.dilation.push_back(g.integer(1, 2));
    s.before.push_back(g.integer(0, 2));
    s.after.push_back(g.integer(0, 2));
    s.extra.push_back(g.integer(0, s.stride.back() - 1));
  }
  return s;
}

// Every product of an input element with a weight, added where it belongs.
Tensor naive(const Sliding& s, const Tensor& x, const Tensor& w, const Tensor& bias, const Shape& y_shape) {
  Tensor y(DType::f32, y_shape);
  test::for_each_index(y_shape, [&](const Shape& o) {
    y.data<float>()[test::flat(y_shape, o)] = bias.data<float>()[static_cast<size_t>(o[1])];
  });
  Shape loop{x.shape()[0], s.groups, s.inputs, s.outputs};
  const Shape& over = s.transposed ? x.shape() : y_shape;  // spatial positions that meet each tap
  loop.insert(loop.end(), over.begin() + 2, over.end());
  loop.insert(loop.end(), s.kernel.begin(), s.kernel.end());
  const Shape w_shape = s.weights();
  test::for_each_index(loop, [&](const Shape& i) {
    Shape xi{i[0], i[1] * s.inputs + i[2]}, yi{i[0], i[1] * s.outputs + i[3]};
    Shape wi = s.transposed ? Shape{xi[1], i[3]} : Shape{yi[1], i[2]};
    for (size_t k = 0; k < s.n(); ++k) {
      const int64_t p = i[4 + k], tap = i[4 + s.n() + k];
      const int64_t moved = p * s.stride[k] + tap * s.dilation[k] - s.before[k];
      xi.push_back(s.transposed ? p : moved);
      yi.push_back(s.transposed ? moved : p);
      wi.push_back(tap);
      if (xi.back() < 0 || xi.back() >= x.shape()[k + 2] || yi.back() < 0 || yi.back() >= y_shape[k + 2])
        return;
    }
    y.data<float>()[test::flat(y_shape, yi)] +=
        x.data<float>()[test::flat(x.shape(), xi)] * w.data<float>()[test::flat(w_shape, wi)];
  });
  return y;
}

void run_sliding(bool transposed) {
  for (uint32_t seed = 0; seed < 120; ++seed) {
    SmallGraph g(seed);
    const auto n = static_cast<size_t>(g.integer(1, 3));
    const Sliding s = random_sliding(g, transposed, n);
    Shape x{g.integer(1, 2), s.groups * s.inputs};
    bool empty = false;
    for (size_t i = 0; i < n; ++i) {
      x.push_back(g.integer(2, n == 3 ? 4 : 7));
      const int64_t out =
          transposed ? (x.back() - 1) * s.stride[i] + s.extra[i] + s.span(i) - s.before[i] - s.after[i]
                     : x.back() + s.before[i] + s.after[i] - s.span(i) + 1;
      empty = empty || out < 1;
    }
    if (empty) continue;
    const bool constant = g.integer(0, 1) == 0;
    const Tensor w = g.data(s.weights()), bias = g.data({s.groups * s.outputs});
    Value* input = g.input(x);
    Value* weights = constant ? g.graph.add_constant("w", w) : g.input(w.shape());
    Value* offset = constant ? g.graph.add_constant("b", bias) : g.input(bias.shape());
    g.output(g.value(transposed ? "ConvTranspose" : "Conv", {input, weights, offset}, s.attributes()));
    std::vector<Tensor> inputs{g.data(x)};
    if (!constant) inputs.insert(inputs.end(), {w, bias});
    const Tensor y = test::run_float(g.graph, inputs)[0];
    expect_near(naive(s, inputs[0], w, bias, y.shape()), y, 1e-4, fmt::format("seed {}", seed));
    if (testing::Test::HasFatalFailure()) return;
  }
}

TEST(Linear, ConvTransposeEqualsItsDefinition) { run_sliding(true); }
TEST(Linear, ConvEqualsItsDefinition) { run_sliding(false); }

TEST(Linear, ConvTransposeOutputShapes) {
  auto shape = [](std::map<std::string, graph::Attribute> attributes) {
    SmallGraph g(1);
    g.output(
        g.value("ConvTranspose", {g.input({1, 2, 5, 4}), g.weights({2, 3, 3, 2})}, std::move(attributes)));
    return g.graph.outputs[0]->shape;
  };
  EXPECT_EQ(shape({{"strides", Ints{2, 3}}}), (Shape{1, 3, 11, 11}));
  EXPECT_EQ(shape({{"strides", Ints{2, 3}}, {"auto_pad", std::string("SAME_UPPER")}}), (Shape{1, 3, 10, 12}));
  EXPECT_EQ(shape({{"strides", Ints{2, 3}}, {"output_shape", Ints{9, 13}}}), (Shape{1, 3, 9, 13}));
  EXPECT_THROW(shape({{"strides", Ints{2}}}), Error);
  EXPECT_THROW(shape({{"strides", Ints{0, 1}}}), Error);
  EXPECT_THROW(shape({{"group", int64_t{3}}}), Error);
  EXPECT_THROW(shape({{"pads", Ints{9, 9, 9, 9}}}), Error);
  EXPECT_THROW(shape({{"output_shape", Ints{-1, 4}}}), Error);
  EXPECT_THROW(shape({{"strides", Ints{65536, 65536}}}), Error);
}

// int8 programs: every node must be int8; the result stays within `bound` of float.
void expect_int8(SmallGraph& g, Value* middle, double relative, const std::string& what) {
  // A product behind it makes everything before it worth int8.
  const Shape shape = middle->shape;
  Value* y = middle;
  if (shape.size() == 4) y = g.value("Conv", {middle, g.weights({4, shape[1], 1, 1}), g.weights({4})});
  g.graph.outputs.clear();
  g.output(y);
  std::vector<std::string> on_bpu;
  for (const auto& node : g.graph.nodes()) on_bpu.push_back(node->name);
  precision::assign_precision(g.graph, {.run_on_cpu = {}, .run_on_bpu = on_bpu});
  for (const auto& node : g.graph.nodes())
    EXPECT_TRUE(node->int8) << node->describe() << ": " << node->reason;
  std::vector<Tensor> inputs;
  for (const Value* v : g.graph.inputs) inputs.push_back(g.data(v->shape));
  std::map<std::string, calibration::ClipRange> ranges;
  compiler::LowerOptions all;
  all.keep_all_values = true;
  compiler::GraphRunner floats(g.graph, all, 1);
  for (size_t i = 0; i < inputs.size(); ++i) ranges[g.graph.inputs[i]->name] = {-1, 1};
  floats.run(inputs, [&](const TensorDesc& desc, const std::byte* data) {
    const auto values = compiler::real_values(desc, data);
    if (values.empty()) return;
    ranges[desc.name] = {std::min(0.0f, *std::ranges::min_element(values)),
                         std::max(0.0f, *std::ranges::max_element(values))};
  });
  precision::apply_ranges(g.graph, {}, [&](const Value& v) { return ranges.at(v.name); });
  compiler::LowerOptions options;
  options.int8 = true;
  compiler::GraphRunner integer(g.graph, options, 1);
  integer.run(inputs);
  bool any = false;
  for (const Step& step : integer.program().steps) any = any || step.backend == Backend::bpu;
  EXPECT_TRUE(any) << what;
  const Tensor expected = floats.output(0), got = integer.output(0);
  double largest = 0;
  for (float v : expected.data<float>()) largest = std::max(largest, std::fabs(static_cast<double>(v)));
  expect_near(expected, got, relative * largest, what);
}

TEST(Linear, ConvTransposeInInt8) {
  for (uint32_t seed = 0; seed < 40; ++seed) {
    SmallGraph g(seed);
    Sliding s = random_sliding(g, true, 2);
    s.inputs = g.integer(4, 8), s.before = {0, 0}, s.after = {0, 0};
    Value* x = g.input({1, s.groups * s.inputs, 5, 6});
    Value* y = g.value("ConvTranspose", {x, g.weights(s.weights()), g.weights({s.groups * s.outputs})},
                       s.attributes());
    if (g.integer(0, 1)) y = g.value("Relu", {y});
    g.output(y);
    expect_int8(g, y, 0.06, fmt::format("seed {}, {} groups", seed, s.groups));
    if (HasFatalFailure()) return;
  }
}

TEST(Linear, Conv3dAndProductsInInt8) {
  for (uint32_t seed = 0; seed < 10; ++seed) {
    SmallGraph g(seed);
    Value* y = g.value("Conv", {g.input({1, 3, 5, 6, 4}), g.weights({4, 3, 3, 3, 3}), g.weights({4})},
                       {{"pads", Ints{1, 1, 1, 1, 1, 1}}});
    y = g.value("Reshape", {y, g.ints({1, 4, 30, 4})});
    g.output(y);
    expect_int8(g, y, 0.06, "3-D convolution");
    SmallGraph m(seed);
    Value* product = m.value("MatMul", {m.input({1, 2, 9, 17}), m.input({1, 1, 17, 12})});
    m.output(product);
    expect_int8(m, product, 0.06, "product of two tensors");
    SmallGraph f(seed);
    Value* gemm = f.value("Gemm", {f.input({17, 9}), f.weights({20, 17}), f.weights({9, 1})},
                          {{"transA", int64_t{1}}, {"transB", int64_t{1}}, {"alpha", 0.5f}, {"beta", 2.0f}});
    f.output(gemm);
    expect_int8(f, gemm, 0.06, "Gemm");
    if (HasFatalFailure()) return;
  }
}

TEST(Linear, GemmEqualsItsDefinition) {
  for (uint32_t seed = 0; seed < 60; ++seed) {
    SmallGraph g(seed);
    const int64_t m = g.integer(1, 6), k = g.integer(1, 9), n = g.integer(1, 20);
    const bool ta = g.integer(0, 1) != 0, tb = g.integer(0, 1) != 0;
    const float alpha = g.integer(0, 1) ? 1.0f : g.real(), beta = g.integer(0, 1) ? 1.0f : g.real();
    const Tensor a = g.data(ta ? Shape{k, m} : Shape{m, k}), b = g.data(tb ? Shape{n, k} : Shape{k, n});
    const Shape forms[] = {{n}, {1, n}, {m, 1}, {m, n}, {1}, {}};
    const Tensor c = g.data(forms[g.integer(0, 5)]);
    std::vector<Tensor> fed{a};
    Value* left = g.input(a.shape());
    auto operand = [&](const Tensor& t) {
      if (g.integer(0, 1)) return g.graph.add_constant("", t);
      fed.push_back(t);
      return g.input(t.shape());
    };
    std::vector<Value*> inputs{left, operand(b)};
    const bool biased = g.integer(0, 2) != 0;
    if (biased) inputs.push_back(operand(c));
    g.output(g.value("Gemm", inputs,
                     {{"transA", int64_t{ta}}, {"transB", int64_t{tb}}, {"alpha", alpha}, {"beta", beta}}));
    Tensor expected(DType::f32, {m, n});
    test::for_each_index({m, n}, [&](const Shape& o) {
      double sum = 0;
      for (int64_t i = 0; i < k; ++i)
        sum +=
            static_cast<double>(
                a.data<float>()[test::flat(a.shape(), ta ? Shape{i, o[0]} : Shape{o[0], i})]) *
            static_cast<double>(b.data<float>()[test::flat(b.shape(), tb ? Shape{o[1], i} : Shape{i, o[1]})]);
      sum *= static_cast<double>(alpha);
      Shape ci;
      for (size_t d = 0; d < c.rank(); ++d) ci.push_back(c.shape()[d] == 1 ? 0 : o[2 - c.rank() + d]);
      if (biased)
        sum += static_cast<double>(beta) * static_cast<double>(c.data<float>()[test::flat(c.shape(), ci)]);
      expected.data<float>()[test::flat({m, n}, o)] = static_cast<float>(sum);
    });
    expect_near(expected, test::run_float(g.graph, fed)[0], 1e-4, fmt::format("seed {}", seed));
    if (HasFatalFailure()) return;
  }
}

TEST(Linear, MatMulOfIntegers) {
  SmallGraph g(1);
  Value* a = g.input({2, 3});
  a->dtype = DType::i64;
  g.output(
      g.value("MatMul", {a, g.graph.add_constant("b", Tensor::from<int64_t>({3, 2}, {1, 2, 3, 4, 5, 6}))}));
  const Tensor y =
      test::run_float(g.graph, {Tensor::from<int64_t>({2, 3}, {1, -1, 2, int64_t{1} << 40, 0, 1})})[0];
  EXPECT_EQ(std::vector<int64_t>(y.data<int64_t>().begin(), y.data<int64_t>().end()),
            (std::vector<int64_t>{8, 10, (int64_t{1} << 40) + 5, (int64_t{1} << 41) + 6}));
}

}  // namespace
}  // namespace openhb
