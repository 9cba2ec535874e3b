// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/elementwise/binary.h"

#include "common/math/elementary.h"
#include "tests/device/steps/harness.h"

namespace openhb::test {
namespace {

using enum BinaryFunction;

// A pair of shapes that broadcast to `y`.
struct Shapes {
  Shape a, b, y;
};
Shapes random_shapes() {
  Shapes s;
  s.y = random_shape(static_cast<size_t>(random_int(0, 6)), 5);
  if (!s.y.empty()) s.y.back() = chance(50) ? random_int(1, 200) : random_int(1, 8);
  s.a = s.b = s.y;
  if (chance(60)) {
    for (size_t i = 0; i < s.y.size(); ++i)
      if (chance(30)) (chance(50) ? s.a : s.b)[i] = 1;
    Shape& shorter = chance(50) ? s.a : s.b;
    while (!shorter.empty() && (shorter[0] == 1 || &shorter == &s.b) && chance(30))
      shorter.erase(shorter.begin());
  }
  // What is missing or 1 on both sides is 1 in the result.
  for (size_t i = 0; i < s.y.size(); ++i) {
    const auto extent = [&](const Shape& t) {
      return i + t.size() < s.y.size() ? 1 : t[i + t.size() - s.y.size()];
    };
    s.y[i] = std::max(extent(s.a), extent(s.b));
  }
  s.y.erase(s.y.begin(), s.y.end() - static_cast<std::ptrdiff_t>(std::max(s.a.size(), s.b.size())));
  return s;
}

int64_t gap() { return chance(50) ? 0 : random_int(1, 5); }

template <class T, class F>
Tensor naive(const Tensor& a, const Tensor& b, const Shape& shape, F&& f) {
  Tensor y(a.dtype(), shape);
  for_each_index(shape, [&](const Shape& i) {
    y.data<T>()[flat(shape, i)] = f(a.data<T>()[flat(a.shape(), i)], b.data<T>()[flat(b.shape(), i)]);
  });
  return y;
}

float f32_function(BinaryFunction f, float a, float b) {
  switch (f) {
    case add:
      return a + b;
    case sub:
      return a - b;
    case mul:
      return a * b;
    case BinaryFunction::div:
      return a / b;
    case max:
      return std::isnan(a) || std::isnan(b) ? NAN : (a > b ? a : b);
    case min:
      return std::isnan(a) || std::isnan(b) ? NAN : (a < b ? a : b);
    default:
      break;
  }
  // pow; its precision is measured in math_test.cc.
  return static_cast<float>(math::pow(static_cast<double>(a), static_cast<double>(b)));
}

TEST(Binary, Float) {
  for (int round = 0; round < 200; ++round) {
    StepCase<BinaryParams> c;
    const Shapes s = random_shapes();
    c.params.function = static_cast<BinaryFunction>(random_int(0, 6));
    Tensor a = random_tensor(DType::f32, s.a), b = random_tensor(DType::f32, s.b);
    if (c.params.function != pow && chance(40))
      for (Tensor* t : {&a, &b})
        for (float& v : t->data<float>()) v = any_float();
    if (c.params.function == pow)
      for (float& v : a.data<float>()) v = std::fabs(v);
    c.input(a, {}, gap()), c.input(b, {}, gap()), c.output(DType::f32, s.y, {}, gap());
    const auto expected =
        naive<float>(a, b, s.y, [&](float p, float q) { return f32_function(c.params.function, p, q); });
    expect_same<float>(expected, c.run_everywhere(), "float");
  }
}

template <class T>
T integer_function(BinaryFunction f, T a, T b) {
  using U = std::make_unsigned_t<T>;
  switch (f) {
    case add:
      return static_cast<T>(static_cast<U>(a) + static_cast<U>(b));
    case sub:
      return static_cast<T>(static_cast<U>(a) - static_cast<U>(b));
    case mul:
      return static_cast<T>(static_cast<U>(a) * static_cast<U>(b));
    case max:
      return std::max(a, b);
    case min:
      return std::min(a, b);
    default:
      break;
  }
  if (b == 0) return 0;
  return a == std::numeric_limits<T>::min() && b == -1 ? a : a / b;
}

template <class T>
void test_integers() {
  for (int round = 0; round < 60; ++round) {
    StepCase<BinaryParams> c;
    const Shapes s = random_shapes();
    c.params.function = static_cast<BinaryFunction>(random_int(0, 5));
    Tensor a = random_tensor(DTypeOf<T>::value, s.a), b = random_tensor(DTypeOf<T>::value, s.b);
    for (T& v : b.data<T>())
      if (chance(50)) v = static_cast<T>(random_int(-2, 2));
    for (T& v : a.data<T>())
      if (chance(20)) v = std::numeric_limits<T>::min();
    c.input(a, {}, gap()), c.input(b, {}, gap()), c.output(DTypeOf<T>::value, s.y, {}, gap());
    const auto expected =
        naive<T>(a, b, s.y, [&](T p, T q) { return integer_function(c.params.function, p, q); });
    expect_same<T>(expected, c.run_everywhere(), "integers");
  }
}
TEST(Binary, Int32) { test_integers<int32_t>(); }
TEST(Binary, Int64) { test_integers<int64_t>(); }

TEST(Binary, Int8) {
  for (int round = 0; round < 150; ++round) {
    StepCase<BinaryParams> c;
    const Shapes s = random_shapes();
    const Tensor a = random_tensor(DType::i8, s.a), b = random_tensor(DType::i8, s.b);
    const QuantParams qa = random_quant(), qb = random_quant();
    QuantParams qy = random_quant();
    qy.scales[0] = chance(50) ? std::max(qa.scale(), qb.scale()) : qy.scale();
    const BinaryFunction f = c.params.function = static_cast<BinaryFunction>(random_int(0, 2));
    const float sy = qy.scale(), zy = static_cast<float>(qy.zero_point() + 128);
    BinaryParams& p = c.params;
    if (f == mul) {
      p.fa = qa.scale() * qb.scale() / sy;
    } else {
      p.fa = qa.scale() / sy;
      p.fb = (f == sub ? -qb.scale() : qb.scale()) / sy;
      const float zb = p.fb * static_cast<float>(qb.zero_point() + 128);
      p.k = zy - std::fma(p.fa, static_cast<float>(qa.zero_point() + 128), zb);
    }
    c.input(a, qa, gap()), c.input(b, qb, gap()), c.output(DType::i8, s.y, qy, gap());
    const auto expected = naive<int8_t>(a, b, s.y, [&](int8_t x, int8_t w) {
      float v = 0;
      if (f == mul) {
        const float product = static_cast<float>((x - qa.zero_point()) * (w - qb.zero_point()));
        v = product * p.fa;
        v = v + zy;
      } else {
        v = std::fma(static_cast<float>(w + 128), p.fb, p.k);
        v = std::fma(static_cast<float>(x + 128), p.fa, v);
      }
      return static_cast<int8_t>(std::clamp(std::nearbyint(static_cast<double>(v)), 0.0, 255.0) - 128);
    });
    expect_same<int8_t>(expected, c.run_everywhere(), "int8");
  }
}

// Values that every pixel takes are written several times for long rows: the same as if they were a tensor.
TEST(Binary, FewValuesForManyRows) {
  for (int round = 0; round < 60; ++round) {
    const int64_t rows = random_int(40, 200), n = random_int(1, 300), y_gap = chance(70) ? 0 : gap();
    const bool codes = chance(60), first = chance(50);
    const DType dtype = codes ? DType::i8 : DType::f32;
    const Tensor few = random_tensor(dtype, {n}), many = random_tensor(dtype, {rows, n});
    Tensor repeated(dtype, {rows, n});
    for (size_t r = 0; r < static_cast<size_t>(rows); ++r)
      std::ranges::copy(few.bytes(), repeated.bytes().data() + r * few.bytes().size());
    const QuantParams qa = random_quant(), qb = random_quant(), qy = random_quant();
    const auto run = [&](const Tensor& values) {
      StepCase<BinaryParams> c;
      c.params = {codes ? BinaryFunction::add : BinaryFunction::mul, 0.7f, 0.4f, 3.0f};
      c.input(first ? values : many, qa), c.input(first ? many : values, qb);
      c.output(dtype, {rows, n}, qy, y_gap);
      return c.run_everywhere();
    };
    const Tensor expected = run(repeated);
    EXPECT_TRUE(std::ranges::equal(expected.bytes(), run(few).bytes())) << rows << " x " << n;
  }
}

TEST(Binary, LargeTensorsSplit) {
  StepCase<BinaryParams> c;
  const Shape shape{3, 50, 67, 33};
  const Tensor a = random_tensor(DType::f32, shape), b = random_tensor(DType::f32, {33});
  c.input(a, {}, 3), c.input(b), c.output(DType::f32, shape, {}, 7);
  expect_same<float>(naive<float>(a, b, shape, [](float p, float q) { return p + q; }), c.run_everywhere(),
                     "large");
}

TEST(Binary, InPlace) {
  for (const bool first : {true, false}) {
    StepCase<BinaryParams> c;
    const Shape shape{7, 133};
    const Tensor a = random_tensor(DType::f32, shape), b = random_tensor(DType::f32, shape);
    c.params.function = sub;
    c.input(a), c.input(b), c.output(DType::f32, shape);
    c.validate();
    c.program.steps[0].outputs[0] = c.program.steps[0].inputs[first ? 0 : 1];
    for (const std::string& level : runnable_isa_levels())
      expect_same<float>(naive<float>(a, b, shape, [](float p, float q) { return p - q; }),
                         c.run(isa_level(level), 2), level);
  }
}

TEST(Binary, InPlaceCodes) {
  for (const bool first : {true, false})
    for (const float fa : {0.75f, 300.0f}) {  // sums that fit in 16 bits, and others
      StepCase<BinaryParams> c;
      const Shape shape{5, 165};
      c.params = {add, fa, 0.4f, 3.0f};
      c.input(random_tensor(DType::i8, shape), random_quant()),
          c.input(random_tensor(DType::i8, shape), random_quant());
      c.output(DType::i8, shape, random_quant());
      const Tensor expected = c.run_everywhere();
      c.program.steps[0].outputs[0] = c.program.steps[0].inputs[first ? 0 : 1];
      for (const std::string& level : runnable_isa_levels())
        expect_same<int8_t>(expected, c.run(isa_level(level), 1), level);
    }
}

TEST(Binary, RefusesWhatDoesNotFit) {
  const auto make = [](DType dtype, BinaryFunction f, const Shape& a, const Shape& b, const Shape& y) {
    StepCase<BinaryParams> c;
    c.params.function = f;
    const QuantParams q{{0.5f}, {3}, -1};
    c.input(random_tensor(dtype, a), q), c.input(random_tensor(dtype, b), q), c.output(dtype, y, q);
    return c;
  };
  EXPECT_NO_THROW(make(DType::i8, add, {2, 3}, {3}, {2, 3}).validate());
  make(DType::i8, pow, {3}, {3}, {3}).expect_invalid("int8 pow");
  make(DType::u8, add, {3}, {3}, {3}).expect_invalid("uint8");
  make(DType::f32, static_cast<BinaryFunction>(kBinaryFunctions), {3}, {3}, {3})
      .expect_invalid("one too many");
  make(DType::f32, static_cast<BinaryFunction>(-1), {3}, {3}, {3}).expect_invalid("function -1");
  make(DType::f32, add, {2}, {3}, {3}).expect_invalid("2 and 3");
  make(DType::f32, add, {3}, {3}, {4}).expect_invalid("output 4");
  make(DType::f32, add, {3}, {3}, {1, 3}).expect_invalid("output rank");
  make(DType::f32, add, {1}, {3}, {1}).expect_invalid("output not broadcast");
  auto scale = make(DType::i8, mul, {3}, {3}, {3});
  scale.in(0).quant.zero_points[0] = 1000;
  scale.expect_invalid("zero point");
  auto none = make(DType::i8, mul, {3}, {3}, {3});
  none.out().quant = {};
  none.expect_invalid("no scale");
  auto three = make(DType::f32, add, {3}, {3}, {3});
  three.program.steps[0].inputs.push_back(0);
  three.expect_invalid("three inputs");
}

TEST(Binary, EmptyTensors) {
  StepCase<BinaryParams> c;
  c.input(Tensor(DType::f32, {0, 4})), c.input(Tensor(DType::f32, {1})), c.output(DType::f32, {0, 4});
  EXPECT_EQ(0u, c.run_everywhere().size());
}

}  // namespace
}  // namespace openhb::test
