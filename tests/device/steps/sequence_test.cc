// SPDX-License-Identifier: Apache-2.0
// Arg, Cumulate, Reduce of integers and codes, Softmax of codes.
#include <algorithm>

#include "common/math/elementary.h"
#include "device/kernels/reduction/arg.h"
#include "device/kernels/reduction/cumulate.h"
#include "device/kernels/reduction/reduce.h"
#include "device/kernels/reduction/softmax.h"
#include "tests/device/steps/harness.h"

namespace openhb::test {
namespace {

int64_t gap() { return chance(50) ? 0 : random_int(1, 5); }

struct Axis {
  Shape dims, firsts;  // firsts: extent 1 along the axis
  size_t axis;

  Axis() : dims(random_shape(static_cast<size_t>(random_int(1, 4)), 5)) {
    axis = static_cast<size_t>(random_int(0, std::ssize(dims) - 1));
    if (chance(50)) dims[axis] = random_int(1, 200);
    if (chance(50)) dims.back() = random_int(1, 150);
    firsts = dims;
    firsts[axis] = 1;
  }
  // Calls f(positions of a sequence's elements in a dense tensor).
  template <class F>
  void for_each(F&& f) const {
    for_each_index(firsts, [&](Shape i) {
      std::vector<size_t> at;
      for (i[axis] = 0; i[axis] < dims[axis]; ++i[axis]) at.push_back(flat(dims, i));
      f(at);
    });
  }
};

template <class T>
void few_values(Tensor& t) {
  for (T& v : t.data<T>())
    if (chance(70)) v = static_cast<T>(random_int(-3, 3));
}

template <class T>
void test_arg() {
  for (int round = 0; round < 60; ++round) {
    StepCase<ArgParams> c;
    const Axis a;
    c.params = {static_cast<int32_t>(a.axis), chance(50) ? 1 : 0, chance(50) ? 1 : 0};
    Tensor x = random_tensor(DTypeOf<T>::value, a.dims);
    few_values<T>(x);
    if constexpr (std::is_same_v<T, float>)
      for (float& v : x.data<float>())
        if (chance(2)) v = NAN;
    Tensor expected(DType::i64, a.firsts);
    size_t sequence = 0;
    a.for_each([&](const std::vector<size_t>& at) {
      // NaN is beyond every number.
      const auto beyond = [&](T p, T q) {
        if constexpr (std::is_same_v<T, float>)
          if (std::isnan(p) || std::isnan(q)) return std::isnan(p) && !std::isnan(q);
        return c.params.smallest != 0 ? p < q : p > q;
      };
      size_t best = 0;
      for (size_t i = 1; i < at.size(); ++i) {
        const T p = x.data<T>()[at[i]], q = x.data<T>()[at[best]];
        if (beyond(p, q) || (c.params.last != 0 && !beyond(q, p))) best = i;
      }
      expected.data<int64_t>()[sequence++] = static_cast<int64_t>(best);
    });
    c.input(x, {}, gap()), c.output(DType::i64, a.firsts, {}, gap());
    expect_same<int64_t>(expected, c.run_everywhere(), "arg");
  }
}
TEST(Arg, FindsTheExtreme) {
  test_arg<float>();
  test_arg<int8_t>();
  test_arg<int32_t>();
  test_arg<int64_t>();
  test_arg<uint64_t>();
}

TEST(Arg, RefusesWhatDoesNotFit) {
  const auto make = [](ArgParams p, DType x, const Shape& dims, DType y, const Shape& out) {
    StepCase<ArgParams> c;
    c.params = p;
    c.input(random_tensor(x, dims)), c.output(y, out);
    return c;
  };
  EXPECT_NO_THROW(make({1, 0, 1}, DType::f32, {3, 4}, DType::i64, {3, 1}).validate());
  make({2, 0, 0}, DType::f32, {3, 4}, DType::i64, {3, 1}).expect_invalid("axis 2");
  make({-1, 0, 0}, DType::f32, {3, 4}, DType::i64, {3, 1}).expect_invalid("axis -1");
  make({1, 2, 0}, DType::f32, {3, 4}, DType::i64, {3, 1}).expect_invalid("smallest 2");
  make({1, 0, -1}, DType::f32, {3, 4}, DType::i64, {3, 1}).expect_invalid("last -1");
  make({1, 0, 0}, DType::f32, {3, 4}, DType::i64, {3, 4}).expect_invalid("extents");
  make({1, 0, 0}, DType::f32, {3, 4}, DType::i32, {3, 1}).expect_invalid("int32 positions");
  make({1, 0, 0}, DType::u8, {3, 4}, DType::i64, {3, 1}).expect_invalid("uint8");
  make({1, 0, 0}, DType::f32, {3, 0}, DType::i64, {3, 1}).expect_invalid("nothing to choose from");
}

template <class T>
void test_cumulate() {
  for (int round = 0; round < 60; ++round) {
    StepCase<CumulateParams> c;
    const Axis a;
    const bool product = chance(50);
    c.params = {product ? CumulateFunction::prod : CumulateFunction::sum, static_cast<int32_t>(a.axis),
                chance(50) ? 1 : 0, chance(50) ? 1 : 0};
    const Tensor x = random_tensor(DTypeOf<T>::value, a.dims, 1.5f);
    Tensor expected(x.dtype(), a.dims);
    a.for_each([&](std::vector<size_t> at) {
      if (c.params.reverse != 0) std::ranges::reverse(at);
      using U = std::conditional_t<std::is_same_v<T, float>, float, uint64_t>;
      U total = product ? 1 : 0;
      for (const size_t i : at) {
        const U before = total, v = static_cast<U>(x.data<T>()[i]);
        total = product ? total * v : total + v;
        expected.data<T>()[i] = static_cast<T>(c.params.exclusive != 0 ? before : total);
      }
    });
    c.input(x, {}, gap()), c.output(x.dtype(), a.dims, {}, gap());
    expect_same<T>(expected, c.run_everywhere(), "cumulate");
  }
}
TEST(Cumulate, EqualsTheDefinition) {
  test_cumulate<float>();
  test_cumulate<int32_t>();
  test_cumulate<int64_t>();
}

TEST(Cumulate, RefusesWhatDoesNotFit) {
  const auto make = [](CumulateParams p, DType x, DType y, const Shape& out) {
    StepCase<CumulateParams> c;
    c.params = p;
    c.input(random_tensor(x, {3, 4})), c.output(y, out);
    return c;
  };
  const auto sum = CumulateFunction::sum;
  EXPECT_NO_THROW(make({sum, 0, 1, 1}, DType::f32, DType::f32, {3, 4}).validate());
  make({static_cast<CumulateFunction>(2), 0, 0, 0}, DType::f32, DType::f32, {3, 4})
      .expect_invalid("function");
  make({sum, 2, 0, 0}, DType::f32, DType::f32, {3, 4}).expect_invalid("axis");
  make({sum, 0, 2, 0}, DType::f32, DType::f32, {3, 4}).expect_invalid("exclusive");
  make({sum, 0, 0, 2}, DType::f32, DType::f32, {3, 4}).expect_invalid("reverse");
  make({sum, 0, 0, 0}, DType::f32, DType::i32, {3, 4}).expect_invalid("types");
  make({sum, 0, 0, 0}, DType::i8, DType::i8, {3, 4}).expect_invalid("int8");
  make({sum, 0, 0, 0}, DType::f32, DType::f32, {3, 5}).expect_invalid("extents");
}

// Random dims with some reduced; groups of positions by result.
struct Reduction {
  Shape dims, y_dims;
  std::vector<int64_t> axes;
  std::vector<std::vector<size_t>> groups;

  Reduction() : dims(random_shape(static_cast<size_t>(random_int(0, 4)), 6)), y_dims() {
    if (!dims.empty() && chance(60))
      dims[static_cast<size_t>(random_int(0, std::ssize(dims) - 1))] = random_int(1, 120);
    y_dims = dims;
    for (size_t i = 0; i < dims.size(); ++i)
      if (chance(50)) axes.push_back(static_cast<int64_t>(i)), y_dims[i] = 1;
    groups.resize(static_cast<size_t>(num_elements(y_dims)));
    for_each_index(dims, [&](const Shape& i) { groups[flat(y_dims, i)].push_back(flat(dims, i)); });
  }
};

template <class T>
T reduce(ReduceFunction f, const std::vector<T>& values) {
  using enum ReduceFunction;
  uint64_t total = f == prod ? 1 : 0;
  T extreme = values[0];
  for (const T v : values) {
    const auto x = static_cast<uint64_t>(v);
    if (f == prod)
      total *= x;
    else
      total += f == l1 ? (v < 0 ? 0 - x : x) : f == sum_square ? x * x : x;
    extreme = f == ReduceFunction::max ? std::max(extreme, v) : std::min(extreme, v);
  }
  if (f == ReduceFunction::max || f == ReduceFunction::min) return extreme;
  if (f != mean) return static_cast<T>(total);
  if (std::is_signed_v<T>) return static_cast<T>(static_cast<int64_t>(total) / std::ssize(values));
  return static_cast<T>(total / values.size());
}

template <class T>
void test_reduce() {
  using enum ReduceFunction;
  for (const ReduceFunction f : {sum, mean, ReduceFunction::max, ReduceFunction::min, prod, l1, sum_square})
    for (int round = 0; round < 12; ++round) {
      StepCase<ReduceParams> c;
      const Reduction r;
      c.params = {f, r.axes};
      const Tensor x = random_tensor(DTypeOf<T>::value, r.dims);
      Tensor expected(x.dtype(), r.y_dims);
      for (size_t i = 0; i < r.groups.size(); ++i) {
        std::vector<T> values;
        for (const size_t at : r.groups[i]) values.push_back(x.data<T>()[at]);
        expected.data<T>()[i] = reduce(f, values);
      }
      c.input(x, {}, gap()), c.output(x.dtype(), r.y_dims, {}, gap());
      expect_same<T>(expected, c.run_everywhere(), "reduce " + std::to_string(static_cast<int>(f)));
    }
}
TEST(Reduce, Integers) {
  test_reduce<int32_t>();
  test_reduce<int64_t>();
  test_reduce<uint64_t>();
}

TEST(Reduce, NoIntegers) {
  StepCase<ReduceParams> c;
  c.params = {ReduceFunction::max, {0}};
  c.input(Tensor(DType::i32, {0, 2})), c.output(DType::i32, {1, 2});
  const std::vector<int32_t> lowest(2, std::numeric_limits<int32_t>::min());
  expect_same<int32_t>(Tensor::from<int32_t>({1, 2}, lowest), c.run_everywhere(), "empty maximum");
}

TEST(Reduce, Codes) {
  using enum ReduceFunction;
  for (int round = 0; round < 80; ++round) {
    StepCase<ReduceParams> c;
    const Reduction r;
    const auto f = static_cast<ReduceFunction>(random_int(0, 3));
    c.params = {f, r.axes};
    const QuantParams qx = random_quant(), qy = random_quant();
    const Tensor x = random_tensor(DType::i8, r.dims);
    Tensor expected(DType::i8, r.y_dims);
    for (size_t i = 0; i < r.groups.size(); ++i) {
      int32_t total = 0, high = -128, low = 127;
      const auto n = static_cast<float>(r.groups[i].size());
      for (const size_t at : r.groups[i]) {
        const int32_t q = x.data<int8_t>()[at];
        total += q - qx.zero_point();
        high = std::max(high, q), low = std::min(low, q);
      }
      const float m = qx.scale() / (f == mean ? qy.scale() * n : qy.scale());
      const float v = std::nearbyint(static_cast<float>(total) * m) + static_cast<float>(qy.zero_point());
      expected.data<int8_t>()[i] = f == ReduceFunction::max ? static_cast<int8_t>(high)
                                   : f == ReduceFunction::min
                                       ? static_cast<int8_t>(low)
                                       : static_cast<int8_t>(std::clamp(v, -128.0f, 127.0f));
    }
    c.input(x, qx, gap()), c.output(DType::i8, r.y_dims, qy, gap());
    expect_same<int8_t>(expected, c.run_everywhere(), "codes " + std::to_string(static_cast<int>(f)));
  }
}

TEST(Reduce, RefusesFunctionsThatATypeLacks) {
  const auto make = [](DType dtype, ReduceFunction f, DType y, const QuantParams& q) {
    StepCase<ReduceParams> c;
    c.params = {f, {0}};
    c.input(random_tensor(dtype, {3}), q), c.output(y, {1}, q);
    return c;
  };
  const QuantParams q{{0.5f}, {3}, -1};
  make(DType::i32, ReduceFunction::l2, DType::i32, {}).expect_invalid("l2 of int32");
  make(DType::i8, ReduceFunction::prod, DType::i8, q).expect_invalid("prod of int8");
  make(DType::u8, ReduceFunction::sum, DType::u8, {}).expect_invalid("uint8");
  make(DType::i32, ReduceFunction::sum, DType::i64, {}).expect_invalid("int64 from int32");
  make(DType::i8, ReduceFunction::sum, DType::i8, {}).expect_invalid("no scale");
}

TEST(Softmax, Codes) {
  for (int round = 0; round < 60; ++round) {
    StepCase<SoftmaxParams> c;
    const Axis a;
    c.params.axis = static_cast<int32_t>(a.axis);
    const QuantParams qx = random_quant();
    QuantParams qy{{1.0f / 256}, {-128}, -1};
    if (chance(30)) qy = random_quant();
    Tensor table(DType::f32, {256});
    for (size_t i = 0; i < 256; ++i)
      table.data<float>()[i] = static_cast<float>(
          math::exp((static_cast<double>(i) - 255) * static_cast<double>(qx.scale()) + 20));
    const Tensor x = random_tensor(DType::i8, a.dims);
    Tensor expected(DType::i8, a.dims);
    a.for_each([&](const std::vector<size_t>& at) {
      int top = -128;
      for (const size_t i : at) top = std::max<int>(top, x.data<int8_t>()[i]);
      const auto power = [&](size_t i) {
        return table.data<float>()[static_cast<size_t>(x.data<int8_t>()[i] - top + 255)];
      };
      float sum = 0;
      for (const size_t i : at) sum += power(i);
      for (const size_t i : at) {
        const float v = std::nearbyint(power(i) * std::floor(1.0f / qy.scale()) / sum);
        expected.data<int8_t>()[i] =
            static_cast<int8_t>(std::clamp(v + static_cast<float>(qy.zero_point()), -128.0f, 127.0f));
      }
    });
    c.input(x, qx, gap()), c.constant(table), c.output(DType::i8, a.dims, qy, gap());
    expect_same<int8_t>(expected, c.run_everywhere(), "softmax of codes");
  }
}

TEST(Softmax, RefusesCodesWithoutTable) {
  const auto make = [](int32_t log, const Shape& table, DType y) {
    StepCase<SoftmaxParams> c;
    c.params = {0, log};
    const QuantParams q{{0.5f}, {3}, -1};
    c.input(random_tensor(DType::i8, {3}), q);
    if (!table.empty()) c.constant(random_tensor(DType::f32, table));
    c.output(y, {3}, q);
    return c;
  };
  EXPECT_NO_THROW(make(0, {256}, DType::i8).validate());
  make(1, {256}, DType::i8).expect_invalid("logarithm");
  make(0, {}, DType::i8).expect_invalid("no table");
  make(0, {255}, DType::i8).expect_invalid("255 entries");
  make(0, {256}, DType::f32).expect_invalid("float32 from codes");
}

}  // namespace
}  // namespace openhb::test
