// SPDX-License-Identifier: Apache-2.0
// Where, ArgMax, CumSum, reductions, masks and what folds: against the ONNX specification.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "tests/host/ops/typed_graph.h"

namespace openhb::test {
namespace {

using Attributes = std::map<std::string, graph::Attribute>;
using Ints = std::vector<int64_t>;

// One node; inputs for which `constant` is true are constants of the graph.
Tensor run_node(const std::string& op, const std::vector<Tensor>& inputs, const Attributes& attributes = {},
                const std::vector<bool>& constant = {}, int64_t opset = 21) {
  TypedGraph g(1, opset);
  std::vector<Value*> values;
  for (size_t i = 0; i < inputs.size(); ++i)
    values.push_back(i < constant.size() && constant[i] ? g.graph.add_constant("", inputs[i])
                                                        : g.input(inputs[i]));
  g.output(g.value(op, values, attributes));
  return g.run();
}

template <class T>
Tensor tensor(const Shape& shape, const std::vector<T>& values) {
  return Tensor::from<T>(shape, values);
}
Tensor ints(const Ints& values) { return tensor<int64_t>({static_cast<int64_t>(values.size())}, values); }

template <class T>
Tensor numbers(TypedGraph& g, const Shape& shape, int64_t lo, int64_t hi) {
  Tensor t(DTypeOf<T>::value, shape);
  for (T& v : t.data<T>()) v = static_cast<T>(g.integer(lo, hi));
  return t;
}

void expect_bytes(const Tensor& got, const Tensor& expected, const std::string& what) {
  EXPECT_EQ(got.dtype(), expected.dtype()) << what;
  EXPECT_EQ(got.shape(), expected.shape()) << what;
  EXPECT_TRUE(std::ranges::equal(got.bytes(), expected.bytes())) << what;
}
void expect_near(const Tensor& got, const Tensor& expected, const std::string& what) {
  ASSERT_EQ(got.shape(), expected.shape()) << what;
  for (size_t i = 0; i < expected.size(); ++i) {
    const float a = got.data<float>()[i], e = expected.data<float>()[i];
    if (a == e) continue;
    ASSERT_NEAR(a, e, 1e-5f * (1 + std::fabs(e))) << what << ", element " << i;
  }
}

TEST(Where, EveryType) {
  TypedGraph g(1);
  const auto test = [&]<class T>(T) {
    const Tensor c = numbers<bool>(g, {3, 1, 5}, 0, 1), a = numbers<T>(g, {4, 5}, 0, 1),
                 b = numbers<T>(g, {1}, 0, 9);
    Tensor expected(a.dtype(), {3, 4, 5});
    for_each_position({3, 4, 5}, [&](size_t at, const Shape& i) {
      expected.data<T>()[at] = c.data<bool>()[broadcast_position(c.shape(), i)]
                                   ? a.data<T>()[broadcast_position(a.shape(), i)]
                                   : b.data<T>()[0];
    });
    expect_bytes(run_node("Where", {c, a, b}), expected, "Where");
  };
  test(float{}), test(bool{}), test(int8_t{}), test(uint16_t{}), test(int32_t{}), test(int64_t{});
  EXPECT_THROW(run_node("Where", {g.data({3}), g.data({3}), g.data({3})}), Error);
  EXPECT_THROW(run_node("Where", {numbers<bool>(g, {3}, 0, 1), g.data({3}), numbers<int32_t>(g, {3}, 0, 1)}),
               Error);
}

// Positions of the sequences along an axis of a dense tensor.
std::vector<std::vector<size_t>> sequences(const Shape& shape, size_t axis) {
  std::map<Shape, std::vector<size_t>> by_rest;
  for_each_position(shape, [&](size_t at, Shape index) {
    index[axis] = 0;
    by_rest[index].push_back(at);
  });
  std::vector<std::vector<size_t>> list;
  for (auto& [rest, at] : by_rest) list.push_back(at);
  return list;
}

template <class T>
void test_arg() {
  TypedGraph g(2);
  for (int64_t axis = -3; axis < 3; ++axis)
    for (int64_t mode = 0; mode < 8; ++mode) {
      const bool last = (mode & 1) != 0, keep = (mode & 2) != 0, smallest = (mode & 4) != 0;
      const Tensor x = numbers<T>(g, {3, 7, 4}, 0, 4);
      const auto a = static_cast<size_t>(axis < 0 ? axis + 3 : axis);
      Ints expected;
      for (const auto& at : sequences(x.shape(), a)) {
        size_t best = 0;
        for (size_t i = 1; i < at.size(); ++i) {
          const T v = x.data<T>()[at[i]], b = x.data<T>()[at[best]];
          if ((smallest ? v < b : v > b) || (last && v == b)) best = i;
        }
        expected.push_back(static_cast<int64_t>(best));
      }
      Shape shape = x.shape();
      if (keep)
        shape[a] = 1;
      else
        shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(a));
      expect_bytes(
          run_node(smallest ? "ArgMin" : "ArgMax", {x},
                   {{"axis", axis}, {"keepdims", int64_t{keep}}, {"select_last_index", int64_t{last}}}),
          tensor<int64_t>(shape, expected), "Arg");
    }
}
TEST(Arg, EveryType) {
  test_arg<float>();
  test_arg<int8_t>();
  test_arg<uint8_t>();
  test_arg<int32_t>();
  test_arg<uint32_t>();
  test_arg<int64_t>();
  test_arg<uint64_t>();
  TypedGraph g(2);
  EXPECT_THROW(run_node("ArgMax", {g.data({3})}, {{"axis", int64_t{1}}}), Error);
  EXPECT_THROW(run_node("ArgMax", {g.data({3, 0})}, {{"axis", int64_t{1}}}), Error);
}

template <class T>
void test_cumulate(const std::string& op) {
  TypedGraph g(3);
  for (int64_t axis : {0, 2, -2})
    for (int64_t exclusive : {0, 1})
      for (int64_t reverse : {0, 1}) {
        const Tensor x = numbers<T>(g, {2, 5, 4}, 1, 3);
        Tensor expected = x;
        for (auto at : sequences(x.shape(), static_cast<size_t>(axis < 0 ? axis + 3 : axis))) {
          if (reverse) std::ranges::reverse(at);
          T total = op == "CumSum" ? T{0} : T{1};
          for (const size_t i : at) {
            const T next = static_cast<T>(op == "CumSum" ? total + x.data<T>()[i] : total * x.data<T>()[i]);
            expected.data<T>()[i] = exclusive ? total : next;
            total = next;
          }
        }
        expect_bytes(run_node(op, {x, tensor<int64_t>({}, {axis})},
                              {{"exclusive", exclusive}, {"reverse", reverse}}, {false, true}),
                     expected, op);
      }
}
TEST(Cumulate, EveryType) {
  for (const char* op : {"CumSum", "CumProd"}) {
    test_cumulate<float>(op);
    test_cumulate<int32_t>(op);
    test_cumulate<uint32_t>(op);
    test_cumulate<int64_t>(op);
    test_cumulate<uint64_t>(op);
  }
  TypedGraph g(3);
  EXPECT_THROW(run_node("CumSum", {g.data({3}), ints({1})}, {}, {false, true}), Error);
  EXPECT_THROW(run_node("CumSum", {g.data({3}), ints({0})}), Error);  // an axis computed at run time
}

using Fold = std::function<double(const std::vector<double>&)>;
double sum(const std::vector<double>& v, double (*f)(double)) {
  double s = 0;
  for (const double x : v) s += f(x);
  return s;
}
const std::map<std::string, Fold> kFolds{
    {"ReduceSum", [](const auto& v) { return sum(v, [](double x) { return x; }); }},
    {"ReduceMean",
     [](const auto& v) { return sum(v, [](double x) { return x; }) / static_cast<double>(v.size()); }},
    {"ReduceMax", [](const auto& v) { return v.empty() ? -INFINITY : *std::ranges::max_element(v); }},
    {"ReduceMin", [](const auto& v) { return v.empty() ? INFINITY : *std::ranges::min_element(v); }},
    {"ReduceProd",
     [](const auto& v) { return std::accumulate(v.begin(), v.end(), 1.0, std::multiplies<>()); }},
    {"ReduceL1", [](const auto& v) { return sum(v, [](double x) { return std::fabs(x); }); }},
    {"ReduceL2", [](const auto& v) { return std::sqrt(sum(v, [](double x) { return x * x; })); }},
    {"ReduceSumSquare", [](const auto& v) { return sum(v, [](double x) { return x * x; }); }},
    {"ReduceLogSum", [](const auto& v) { return std::log(sum(v, [](double x) { return x; })); }},
    {"ReduceLogSumExp", [](const auto& v) { return std::log(sum(v, [](double x) { return std::exp(x); })); }},
};

Tensor reduced(const Tensor& x, const Ints& axes, bool keep, const Fold& f) {
  std::vector<bool> gone(x.rank(), axes.empty());
  for (int64_t a : axes) gone[static_cast<size_t>(a < 0 ? a + static_cast<int64_t>(x.rank()) : a)] = true;
  Shape kept = x.shape(), shape;
  for (size_t i = 0; i < x.rank(); ++i) {
    if (gone[i]) kept[i] = 1;
    if (!gone[i] || keep) shape.push_back(kept[i]);
  }
  std::vector<std::vector<double>> groups(static_cast<size_t>(num_elements(kept)));
  for_each_position(x.shape(), [&](size_t at, const Shape& i) {
    groups[broadcast_position(kept, i)].push_back(static_cast<double>(x.data<float>()[at]));
  });
  Tensor y(DType::f32, shape);
  for (size_t i = 0; i < groups.size(); ++i) y.data<float>()[i] = static_cast<float>(f(groups[i]));
  return y;
}

TEST(Reduce, FloatsInEveryForm) {
  TypedGraph g(4);
  for (const auto& [op, fold] : kFolds) {
    for (const Ints& axes : std::vector<Ints>{{0}, {-1}, {1, 2}, {2, 3}, {3, 0, -3}, {}})
      for (int64_t keep : {0, 1}) {
        const Tensor x = g.data({2, 3, 4, 5}, 0.1f, 2);
        const Tensor expected = reduced(x, axes, keep != 0, fold);
        Attributes attributes{{"keepdims", keep}};
        expect_near(run_node(op, {x, ints(axes)}, attributes, {false, true}), expected, op);
        if (!axes.empty()) attributes["axes"] = axes;
        expect_near(run_node(op, {x}, attributes, {}, 11), expected, op + " with an attribute");
      }
    // Of nothing.
    const Tensor none(DType::f32, {2, 0, 3});
    if (op != "ReduceMean")
      expect_near(run_node(op, {none, ints({1})}, {}, {false, true}), reduced(none, {1}, true, fold),
                  op + " of nothing");
    const Tensor one = g.data({}, 0.1f, 2);
    expect_near(run_node(op, {one}), reduced(one, {}, true, fold), op + " of a scalar");
    // Each element alone.
    const Tensor x = g.data({3, 4}, 0.1f, 2);
    Tensor alone = x;
    for (float& v : alone.data<float>()) v = static_cast<float>(fold({static_cast<double>(v)}));
    expect_near(run_node(op, {x}, {{"noop_with_empty_axes", int64_t{1}}}), alone, op + " along no axis");
    EXPECT_THROW(run_node(op, {x, ints({2})}, {}, {false, true}), Error) << op;
    EXPECT_THROW(run_node(op, {x, ints({1})}), Error) << op;  // axes computed at run time
  }
}

TEST(Reduce, LogSumExpOfLargeAndInfiniteValues) {
  const float inf = INFINITY;
  const auto run = [](const std::vector<float>& v) {
    return run_node("ReduceLogSumExp", {tensor<float>({static_cast<int64_t>(v.size())}, v)}).data<float>()[0];
  };
  EXPECT_EQ(run({1000, 0}), 1000.0f);
  EXPECT_EQ(run({-inf, -inf}), -inf);
  EXPECT_EQ(run({inf, 0}), inf);
  EXPECT_EQ(run({-inf, 3}), 3.0f);
  EXPECT_TRUE(std::isnan(run({NAN, 3})));
}

template <class T>
void test_integer_reduce() {
  TypedGraph g(5);
  const Tensor x = numbers<T>(g, {3, 4, 2}, std::is_signed_v<T> ? -3 : 0, 3);
  Tensor floats(DType::f32, x.shape());
  for (size_t i = 0; i < x.size(); ++i) floats.data<float>()[i] = static_cast<float>(x.data<T>()[i]);
  for (const char* op :
       {"ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceSumSquare", "ReduceL2"}) {
    const Tensor expected = reduced(floats, {1}, true, kFolds.at(op));
    Tensor y(x.dtype(), expected.shape());
    for (size_t i = 0; i < y.size(); ++i) y.data<T>()[i] = static_cast<T>(expected.data<float>()[i]);
    expect_bytes(run_node(op, {x, ints({1})}, {}, {false, true}), y, op);
  }
}
TEST(Reduce, Integers) {
  test_integer_reduce<int8_t>();
  test_integer_reduce<uint8_t>();
  test_integer_reduce<int32_t>();
  test_integer_reduce<uint32_t>();
  test_integer_reduce<int64_t>();
  test_integer_reduce<uint64_t>();
  TypedGraph g(5);
  const Tensor b = tensor<int8_t>({2, 2}, {1, 0, 0, 0});
  Tensor bools(DType::boolean, {2, 2});
  std::memcpy(bools.bytes().data(), b.bytes().data(), 4);
  Tensor any(DType::boolean, {2, 1}), all(DType::boolean, {2, 1});
  any.data<bool>()[0] = true;
  expect_bytes(run_node("ReduceMax", {bools, ints({1})}, {}, {false, true}), any, "any");
  expect_bytes(run_node("ReduceMin", {bools, ints({1})}, {}, {false, true}), all, "all");
  EXPECT_THROW(run_node("ReduceSum", {bools}), Error);
}

TEST(Masks, Trilu) {
  TypedGraph g(6);
  for (int64_t upper : {0, 1})
    for (int64_t k : {-7, -2, 0, 1, 9}) {
      const Tensor x = numbers<int64_t>(g, {2, 4, 5}, 1, 9);
      Tensor expected = x;
      for_each_position(x.shape(), [&](size_t at, const Shape& i) {
        if (upper ? i[2] - i[1] < k : i[2] - i[1] > k) expected.data<int64_t>()[at] = 0;
      });
      expect_bytes(run_node("Trilu", {x, tensor<int64_t>({}, {k})}, {{"upper", upper}}, {false, true}),
                   expected, "Trilu");
    }
  EXPECT_THROW(run_node("Trilu", {g.data({3})}), Error);
}

TEST(Masks, OneHot) {
  for (int64_t axis : {-1, 0, 1}) {
    const Tensor indices = tensor<int64_t>({2, 3}, {1, -1, 0, 7, 2, -3});
    const auto a = static_cast<size_t>(axis < 0 ? axis + 3 : axis);
    Shape shape{2, 3};
    shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(a), 3);
    Tensor expected(DType::f32, shape);
    for_each_position(shape, [&](size_t at, const Shape& i) {
      Shape rest = i;
      rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(a));
      int64_t hot = indices.data<int64_t>()[static_cast<size_t>(rest[0] * 3 + rest[1])];
      if (hot < 0) hot += 3;
      expected.data<float>()[at] = i[a] == hot ? 5.0f : 2.0f;
    });
    const Tensor values = tensor<float>({2}, {2, 5});
    expect_bytes(
        run_node("OneHot", {indices, tensor<float>({}, {3}), values}, {{"axis", axis}}, {false, true, false}),
        expected, "OneHot");
  }
  const auto refused = [](const Tensor& depth, int64_t axis) {
    EXPECT_THROW(
        run_node("OneHot", {ints({1}), depth, tensor<float>({2}, {0, 1})}, {{"axis", axis}}, {false, true}),
        Error);
  };
  refused(ints({0}), 0), refused(ints({int64_t{1} << 40}), 0), refused(ints({-3}), 0), refused(ints({3}), 2);
}

TEST(Masks, Hardmax) {
  const Tensor x = tensor<float>({2, 2, 2}, {1, 3, 3, 0, 5, 5, 2, 7});
  expect_bytes(run_node("Hardmax", {x}), tensor<float>({2, 2, 2}, {0, 1, 1, 0, 1, 0, 0, 1}), "last axis");
  expect_bytes(run_node("Hardmax", {x}, {{"axis", int64_t{1}}}, {}, 11),
               tensor<float>({2, 2, 2}, {0, 1, 0, 0, 0, 0, 0, 1}), "flattened");
}

TEST(Folds, RangeEyeLikeSizeNonZero) {
  const std::vector<bool> all(3, true);
  const auto range = [&](int64_t a, int64_t b, int64_t c) {
    return run_node("Range", {tensor<int64_t>({}, {a}), tensor<int64_t>({}, {b}), tensor<int64_t>({}, {c})},
                    {}, all);
  };
  expect_bytes(range(2, 11, 3), ints({2, 5, 8}), "up");
  expect_bytes(range(10, 4, -2), ints({10, 8, 6}), "down");
  expect_bytes(range(4, 4, 1), ints({}), "empty");
  expect_bytes(range(4, 9, -1), ints({}), "the wrong way");
  EXPECT_THROW(range(0, 5, 0), Error);
  EXPECT_THROW(range(0, std::numeric_limits<int64_t>::max(), 1), Error);
  EXPECT_THROW(range(std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max(), 1), Error);
  expect_near(
      run_node("Range", {tensor<float>({}, {1}), tensor<float>({}, {2.2f}), tensor<float>({}, {0.5f})}, {},
               all),
      tensor<float>({3}, {1, 1.5f, 2}), "floats");
  expect_bytes(run_node("EyeLike", {tensor<float>({2, 3}, std::vector<float>(6))},
                        {{"k", int64_t{1}}, {"dtype", int64_t{6}}}),
               tensor<int32_t>({2, 3}, {0, 1, 0, 0, 0, 1}), "EyeLike");
  expect_bytes(run_node("EyeLike", {tensor<float>({2, 2}, std::vector<float>(4))},
                        {{"k", std::numeric_limits<int64_t>::max()}}),
               tensor<float>({2, 2}, {0, 0, 0, 0}), "EyeLike far away");
  expect_bytes(run_node("Size", {tensor<float>({2, 3}, std::vector<float>(6))}), tensor<int64_t>({}, {6}),
               "Size");
  expect_bytes(run_node("NonZero", {tensor<float>({2, 2}, {1, 0, 3, 4})}, {}, {true}),
               tensor<int64_t>({2, 3}, {0, 1, 1, 0, 0, 1}), "NonZero");
  EXPECT_THROW(run_node("NonZero", {tensor<float>({2}, {1, 0})}), Error);
}

TEST(Types, CastLikeAndBitCast) {
  const Tensor x = tensor<float>({3}, {1.5f, -2.0f, 0.0f});
  expect_bytes(run_node("CastLike", {x, ints({1})}), ints({1, -2, 0}), "CastLike");
  const auto bits = [](float v) { return __builtin_bit_cast(int32_t, v); };
  expect_bytes(run_node("BitCast", {x}, {{"to", int64_t{6}}}),
               tensor<int32_t>({3}, {bits(1.5f), bits(-2.0f), bits(0.0f)}), "BitCast");
  EXPECT_THROW(run_node("BitCast", {x}, {{"to", int64_t{7}}}), Error);
  EXPECT_THROW(run_node("BitCast", {x}, {{"to", int64_t{11}}}), Error);
  EXPECT_THROW(run_node("Cast", {x}, {{"to", int64_t{8}}}), Error);
}

}  // namespace
}  // namespace openhb::test
