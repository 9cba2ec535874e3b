// SPDX-License-Identifier: Apache-2.0
// Element-wise operators: float and integer programs against what the ONNX specification says.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "common/math/functions.h"
#include "host/ops/elementwise.h"
#include "tests/host/ops/typed_graph.h"

namespace openhb::test {
namespace {

using Attributes = std::map<std::string, graph::Attribute>;

// The result of one node in float, all inputs fed at run time.
Tensor run_node(const std::string& op, const std::vector<Tensor>& inputs, const Attributes& attributes = {},
                int64_t opset = 21) {
  TypedGraph g(1, opset);
  std::vector<Value*> values;
  for (const Tensor& t : inputs) values.push_back(g.input(t));
  g.output(g.value(op, values, attributes));
  return g.run();
}

template <class T>
void expect_equal(const Tensor& got, const Tensor& expected, const std::string& what) {
  ASSERT_EQ(got.dtype(), expected.dtype()) << what;
  ASSERT_EQ(got.shape(), expected.shape()) << what;
  const auto a = got.data<T>(), e = expected.data<T>();
  for (size_t i = 0; i < e.size(); ++i) {
    if constexpr (std::is_floating_point_v<T>)
      if (std::isnan(e[i]) && std::isnan(a[i])) continue;
    ASSERT_EQ(a[i], e[i]) << what << ", element " << i;
  }
}

TEST(Unary, EveryFunctionOfFloats) {
  TypedGraph random(1);
  for (const auto& row : ops::kUnaryRows) {
    const std::string op(row.op);
    if (op == "Clip" || op == "Relu") continue;
    Attributes attributes;
    UnaryParams p{row.function, row.alpha_default, row.beta_default};
    if (!row.alpha.empty()) attributes[std::string(row.alpha)] = p.alpha = random.real(0.1f, 2);
    if (!row.beta.empty()) attributes[std::string(row.beta)] = p.beta = random.real(0.1f, 2);
    const Tensor x = random.data({2, 3, 5, 4}, -4, 4);
    Tensor expected = x;
    for (float& v : expected.data<float>()) v = math::evaluate_unary_f32(p.function, v, p.alpha, p.beta);
    expect_equal<float>(run_node(op, {x}, attributes), expected, op);
  }
  const Tensor x = random.data({7}, -4, 4);
  Tensor expected = x;
  for (float& v : expected.data<float>()) v = math::evaluate_unary_f32(UnaryFunction::gelu_tanh, v, 0, 0);
  expect_equal<float>(run_node("Gelu", {x}, {{"approximate", std::string("tanh")}}), expected, "Gelu tanh");
}

TEST(Unary, AttributesOutOfRangeAreRefused) {
  TypedGraph random(1);
  const Tensor x = random.data({3});
  EXPECT_THROW(run_node("Celu", {x}, {{"alpha", 0.0f}}), Error);
  EXPECT_THROW(run_node("LeakyRelu", {x}, {{"alpha", NAN}}), Error);
  EXPECT_THROW(run_node("Gelu", {x}, {{"approximate", std::string("erf")}}), Error);
  EXPECT_THROW(run_node("Sigmoid", {Tensor(DType::i32, {3})}), Error);
  EXPECT_THROW(run_node("Not", {x}), Error);
}

template <class T>
Tensor numbers(TypedGraph& g, const Shape& shape, int64_t lo, int64_t hi) {
  Tensor t(DTypeOf<T>::value, shape);
  for (T& v : t.data<T>()) v = static_cast<T>(g.integer(lo, hi));
  return t;
}

template <class T, class F>
Tensor mapped(const Tensor& x, F&& f) {
  Tensor y = x;
  for (T& v : y.data<T>()) v = static_cast<T>(f(v));
  return y;
}

template <class T>
void test_unary_integers() {
  TypedGraph g(2);
  const int64_t lo = std::is_signed_v<T> ? -100 : 0;
  const Tensor x = numbers<T>(g, {3, 4, 5}, lo, 100);
  expect_equal<T>(run_node("Abs", {x}), mapped<T>(x, [](T v) { return v < 0 ? 0 - v : v; }), "Abs");
  expect_equal<T>(run_node("Sign", {x}), mapped<T>(x, [](T v) { return v > 0   ? 1
                                                                       : v < 0 ? -1
                                                                               : 0; }),
                  "Sign");
  expect_equal<T>(run_node("Relu", {x}), mapped<T>(x, [](T v) { return v > 0 ? v : T{0}; }), "Relu");
  if (std::is_signed_v<T>)
    expect_equal<T>(run_node("Neg", {x}), mapped<T>(x, [](T v) { return 0 - v; }), "Neg");
  expect_equal<T>(run_node("BitwiseNot", {x}), mapped<T>(x, [](T v) { return ~v; }), "BitwiseNot");
  const Tensor low = numbers<T>(g, {}, 10, 20), high = numbers<T>(g, {1}, 15, 60);
  const T a = low.data<T>()[0], b = high.data<T>()[0];
  expect_equal<T>(run_node("Clip", {x, low, high}),
                  mapped<T>(x, [&](T v) { return std::min(std::max(v, a), b); }), "Clip");
  expect_equal<T>(run_node("Clip", {x}), x, "Clip without bounds");
  TypedGraph open(3);
  Value* in = open.input(x);
  open.output(open.value("Clip", {in, nullptr, open.graph.add_constant("", high)}));
  expect_equal<T>(open.run(), mapped<T>(x, [&](T v) { return std::min(v, b); }), "Clip from above");
}
TEST(Unary, Integers) {
  test_unary_integers<int8_t>();
  test_unary_integers<uint8_t>();
  test_unary_integers<int16_t>();
  test_unary_integers<uint16_t>();
  test_unary_integers<int32_t>();
  test_unary_integers<uint32_t>();
  test_unary_integers<int64_t>();
  test_unary_integers<uint64_t>();
}

TEST(Unary, ClipWithComputedAndOldBounds) {
  TypedGraph g(3);
  const Tensor x = g.data({4, 9}, -3, 3);
  const Tensor low = Tensor::from<float>({}, std::vector<float>{-1}),
               high = Tensor::from<float>({1}, std::vector<float>{0.5f});
  const Tensor expected = mapped<float>(x, [](float v) { return std::min(std::max(v, -1.0f), 0.5f); });
  expect_equal<float>(run_node("Clip", {x, low, high}), expected, "computed bounds");
  expect_equal<float>(run_node("Clip", {x}, {{"min", -1.0f}, {"max", 0.5f}}, 7), expected, "attributes");
  EXPECT_THROW(run_node("Clip", {x, g.data({2})}), Error);
}

// Broadcasting of two random shapes.
struct Pair {
  Shape a, b, y;
  explicit Pair(TypedGraph& g) {
    for (int64_t rank = g.integer(0, 4); rank > 0; --rank) y.push_back(g.integer(1, 5));
    a = b = y;
    for (Shape* s : {&a, &b}) {
      for (int64_t& d : *s)
        if (g.integer(0, 3) == 0) d = 1;
      if (g.integer(0, 2) == 0 && !s->empty()) s->erase(s->begin());
    }
    y.resize(std::max(a.size(), b.size()));
    for (size_t k = 1; k <= y.size(); ++k)
      y[y.size() - k] = std::max(k <= a.size() ? a[a.size() - k] : 1, k <= b.size() ? b[b.size() - k] : 1);
  }
};

template <class T, class Y, class F>
void test_pair(TypedGraph& g, const std::string& op, const Attributes& attributes, int64_t lo, int64_t hi,
               int64_t b_lo, F&& f) {
  for (int round = 0; round < 4; ++round) {
    const Pair shapes(g);
    const Tensor a = numbers<T>(g, shapes.a, lo, hi), b = numbers<T>(g, shapes.b, b_lo, hi);
    Tensor expected(DTypeOf<Y>::value, shapes.y);
    for_each_position(shapes.y, [&](size_t at, const Shape& i) {
      expected.data<Y>()[at] = static_cast<Y>(
          f(a.data<T>()[broadcast_position(shapes.a, i)], b.data<T>()[broadcast_position(shapes.b, i)]));
    });
    expect_equal<Y>(run_node(op, {a, b}, attributes), expected,
                    op + " of " + std::string(dtype_name(a.dtype())));
  }
}

template <class T>
void test_binary() {
  TypedGraph g(4);
  const int64_t lo = std::is_signed_v<T> ? -100 : 0;
  const auto arithmetic = [&](const std::string& op, auto f) { test_pair<T, T>(g, op, {}, lo, 100, lo, f); };
  arithmetic("Add", [](T a, T b) { return a + b; });
  arithmetic("Sub", [](T a, T b) { return a - b; });
  arithmetic("Mul", [](T a, T b) { return a * b; });
  arithmetic("Max", [](T a, T b) { return std::max(a, b); });
  arithmetic("Min", [](T a, T b) { return std::min(a, b); });
  test_pair<T, T>(g, "Div", {}, lo, 100, 1, [](T a, T b) { return a / b; });
  test_pair<T, bool>(g, "Equal", {}, 0, 3, 0, [](T a, T b) { return a == b; });
  test_pair<T, bool>(g, "Less", {}, lo, 100, lo, [](T a, T b) { return a < b; });
  test_pair<T, bool>(g, "LessOrEqual", {}, 0, 3, 0, [](T a, T b) { return a <= b; });
  test_pair<T, bool>(g, "Greater", {}, lo, 100, lo, [](T a, T b) { return a > b; });
  test_pair<T, bool>(g, "GreaterOrEqual", {}, 0, 3, 0, [](T a, T b) { return a >= b; });
  test_pair<T, T>(g, "Mod", {{"fmod", int64_t{1}}}, lo, 100, 1,
                  [](T a, T b) { return std::fmod(static_cast<double>(a), static_cast<double>(b)); });
  if constexpr (std::is_integral_v<T>) {
    test_pair<T, T>(g, "Mod", {}, lo, 100, 1, [](T a, T b) { return ((a % b) + b) % b; });
    arithmetic("BitwiseAnd", [](T a, T b) { return a & b; });
    arithmetic("BitwiseOr", [](T a, T b) { return a | b; });
    arithmetic("BitwiseXor", [](T a, T b) { return a ^ b; });
  }
  if constexpr (std::is_unsigned_v<T>) {
    test_pair<T, T>(g, "BitShift", {{"direction", std::string("LEFT")}}, 0, 7, 0,
                    [](T a, T b) { return a << b; });
    test_pair<T, T>(g, "BitShift", {{"direction", std::string("RIGHT")}}, 0, 7, 0,
                    [](T a, T b) { return a >> b; });
  }
}
TEST(Binary, EveryType) {
  test_binary<float>();
  test_binary<int8_t>();
  test_binary<uint8_t>();
  test_binary<int16_t>();
  test_binary<uint16_t>();
  test_binary<int32_t>();
  test_binary<uint32_t>();
  test_binary<int64_t>();
  test_binary<uint64_t>();
}

TEST(Binary, Logic) {
  TypedGraph g(5);
  test_pair<bool, bool>(g, "And", {}, 0, 1, 0, [](bool a, bool b) { return a && b; });
  test_pair<bool, bool>(g, "Or", {}, 0, 1, 0, [](bool a, bool b) { return a || b; });
  test_pair<bool, bool>(g, "Xor", {}, 0, 1, 0, [](bool a, bool b) { return a != b; });
  test_pair<bool, bool>(g, "Equal", {}, 0, 1, 0, [](bool a, bool b) { return a == b; });
  const Tensor x = numbers<bool>(g, {3, 5}, 0, 1);
  expect_equal<bool>(run_node("Not", {x}), mapped<bool>(x, [](bool v) { return !v; }), "Not");
}

TEST(Binary, PowMixesTypes) {
  TypedGraph g(6);
  const auto test = [&]<class A, class B>(A, B) {
    const Tensor a = numbers<A>(g, {4, 5}, 1, 6), b = numbers<B>(g, {5}, 0, 4);
    Tensor expected(a.dtype(), {4, 5});
    for (size_t i = 0; i < expected.size(); ++i)
      expected.data<A>()[i] = static_cast<A>(
          std::pow(static_cast<double>(a.data<A>()[i]), static_cast<double>(b.data<B>()[i % 5])));
    expect_equal<A>(run_node("Pow", {a, b}), expected, "Pow");
  };
  const auto all = [&]<class A>(A a) {
    test(a, float{}), test(a, int8_t{}), test(a, uint8_t{}), test(a, int16_t{}), test(a, uint16_t{});
    test(a, int32_t{}), test(a, uint32_t{}), test(a, int64_t{}), test(a, uint64_t{});
  };
  all(float{}), all(int32_t{}), all(int64_t{});
}

TEST(Binary, PReluOfEveryType) {
  TypedGraph g(7);
  const auto test = [&]<class T>(T, int64_t lo) {
    const Tensor x = numbers<T>(g, {2, 3, 4, 5}, lo, 50), slope = numbers<T>(g, {3, 1, 1}, 2, 5);
    Tensor expected = x;
    for (size_t i = 0; i < x.size(); ++i)
      if (T& v = expected.data<T>()[i]; v < 0) v = static_cast<T>(v * slope.data<T>()[i / 20 % 3]);
    expect_equal<T>(run_node("PRelu", {x, slope}), expected, "PRelu");
  };
  test(float{}, -50), test(int32_t{}, -50), test(int64_t{}, -50), test(uint32_t{}, 0), test(uint64_t{}, 0);
  EXPECT_THROW(run_node("PRelu", {g.data({3}), g.data({2, 3})}), Error);
}

TEST(Binary, Variadic) {
  TypedGraph g(8);
  const Tensor a = g.data({3, 4}), b = g.data({4}), c = g.data({3, 1}), d = g.data({});
  const auto expect = [&](const std::string& op, const std::function<float(float, float)>& join,
                          float scale) {
    Tensor expected(DType::f32, {3, 4});
    for (size_t i = 0; i < 12; ++i) {
      float v = join(a.data<float>()[i], b.data<float>()[i % 4]);
      v = join(v, c.data<float>()[i / 4]);
      expected.data<float>()[i] = join(v, d.data<float>()[0]) / scale;
    }
    expect_equal<float>(run_node(op, {a, b, c, d}), expected, op);
    expect_equal<float>(run_node(op, {a}), a, op + " of one");
  };
  expect("Sum", [](float x, float y) { return x + y; }, 1);
  expect("Mean", [](float x, float y) { return x + y; }, 4);
  expect("Max", [](float x, float y) { return std::max(x, y); }, 1);
  expect("Min", [](float x, float y) { return std::min(x, y); }, 1);
}

TEST(Binary, NotANumberAndInfinity) {
  const std::vector<float> values{0.0f, -0.0f, 1.0f, NAN, INFINITY, -INFINITY, -2.5f};
  const Tensor x = Tensor::from<float>({7}, values);
  const auto expect = [&](const std::string& op, const Attributes& attributes, bool (*f)(float)) {
    Tensor expected(DType::boolean, {7});
    for (size_t i = 0; i < 7; ++i) expected.data<bool>()[i] = f(values[i]);
    expect_equal<bool>(run_node(op, {x}, attributes), expected, op);
  };
  const Attributes no_negative{{"detect_negative", int64_t{0}}}, no_positive{{"detect_positive", int64_t{0}}};
  expect("IsNaN", {}, [](float v) { return std::isnan(v); });
  expect("IsInf", {}, [](float v) { return std::isinf(v); });
  expect("IsInf", no_negative, [](float v) { return v == INFINITY; });
  expect("IsInf", no_positive, [](float v) { return v == -INFINITY; });
  expect("IsInf", {{"detect_positive", int64_t{0}}, {"detect_negative", int64_t{0}}},
         [](float) { return false; });
}

TEST(Binary, RefusesWhatOnnxDoesNotHave) {
  TypedGraph g(9);
  const Tensor x = g.data({3}), i = numbers<int32_t>(g, {3}, 1, 5), b = numbers<bool>(g, {3}, 0, 1);
  EXPECT_THROW(run_node("Mod", {x, x}), Error);
  EXPECT_THROW(run_node("BitShift", {i, i}, {{"direction", std::string("LEFT")}}), Error);
  EXPECT_THROW(run_node("BitShift", {numbers<uint8_t>(g, {3}, 0, 5), numbers<uint8_t>(g, {3}, 0, 5)}), Error);
  EXPECT_THROW(run_node("And", {i, i}), Error);
  EXPECT_THROW(run_node("Add", {b, b}), Error);
  EXPECT_THROW(run_node("Add", {x, i}), Error);
  EXPECT_THROW(run_node("Add", {x, g.data({2})}), Error);
  EXPECT_THROW(run_node("RandomNormalLike", {x}), Error);
  EXPECT_THROW(run_node("Bernoulli", {x}), Error);
  EXPECT_THROW(run_node("Unique", {x}), Error);
}

}  // namespace
}  // namespace openhb::test
