// SPDX-License-Identifier: Apache-2.0
// Where, and what Binary gained: comparisons, logic, bits, remainders and powers of integers.
#include "common/math/remainder.h"
#include "device/kernels/elementwise/binary.h"
#include "device/kernels/elementwise/where.h"
#include "tests/device/steps/harness.h"

namespace openhb::test {
namespace {

using enum BinaryFunction;

int64_t gap() { return chance(50) ? 0 : random_int(1, 5); }

// Shapes of `count` operands that broadcast to the last one.
std::vector<Shape> broadcast_shapes(size_t count) {
  Shape y = random_shape(static_cast<size_t>(random_int(0, 4)), 5);
  if (!y.empty()) y.back() = chance(50) ? random_int(1, 150) : random_int(1, 8);
  std::vector<Shape> shapes;
  for (size_t i = 0; i < count; ++i) {
    Shape s = y;
    for (int64_t& d : s)
      if (i > 0 && chance(30)) d = 1;
    if (i > 0 && chance(20)) s.erase(s.begin(), s.begin() + random_int(0, std::ssize(s)));
    shapes.push_back(s);
  }
  std::shuffle(shapes.begin(), shapes.end(), rng());
  shapes.push_back(y);
  return shapes;
}

TEST(Where, Selects) {
  for (int round = 0; round < 200; ++round) {
    StepCase<WhereParams> c;
    const auto shapes = broadcast_shapes(3);
    const auto dtype = static_cast<DType>(random_int(0, std::ssize(kDTypes) - 1));
    const size_t size = dtype_size(dtype);
    Tensor condition = random_tensor(DType::boolean, shapes[0]);
    for (std::byte& b : condition.bytes())
      if (chance(50)) b = std::byte{0};
    const Tensor a = random_tensor(dtype, shapes[1]), b = random_tensor(dtype, shapes[2]);
    Tensor expected(dtype, shapes[3]);
    for_each_index(shapes[3], [&](const Shape& i) {
      const Tensor& from = condition.bytes()[flat(shapes[0], i)] != std::byte{0} ? a : b;
      std::memcpy(expected.bytes().data() + flat(shapes[3], i) * size,
                  from.bytes().data() + flat(from.shape(), i) * size, size);
    });
    c.input(condition, {}, gap()), c.input(a, {}, gap()), c.input(b, {}, gap());
    c.output(dtype, shapes[3], {}, gap());
    unify_nans(expected);
    EXPECT_TRUE(std::ranges::equal(expected.bytes(), c.run_everywhere().bytes())) << dtype_name(dtype);
  }
}

TEST(Where, RefusesWhatDoesNotFit) {
  const auto make = [](DType condition, DType a, DType b, const Shape& shape, const Shape& y) {
    StepCase<WhereParams> c;
    c.input(random_tensor(condition, {3})), c.input(random_tensor(a, shape)), c.input(random_tensor(b, {1}));
    c.output(DType::f32, y);
    return c;
  };
  EXPECT_NO_THROW(make(DType::boolean, DType::f32, DType::f32, {2, 3}, {2, 3}).validate());
  make(DType::u8, DType::f32, DType::f32, {2, 3}, {2, 3}).expect_invalid("uint8 condition");
  make(DType::boolean, DType::i32, DType::f32, {2, 3}, {2, 3}).expect_invalid("int32 and float32");
  make(DType::boolean, DType::f32, DType::i32, {2, 3}, {2, 3}).expect_invalid("float32 and int32");
  make(DType::boolean, DType::f32, DType::f32, {2, 4}, {2, 4}).expect_invalid("3 and 4");
  make(DType::boolean, DType::f32, DType::f32, {2, 3}, {5, 3}).expect_invalid("5 from nowhere");
  make(DType::boolean, DType::f32, DType::f32, {2, 3}, {3}).expect_invalid("output rank");
}

// Runs Binary on random operands of A and B (adjusted by `prepare`) against f.
template <class A, class B, class Y, class F>
void test_binary(BinaryFunction function, int rounds, const std::function<void(Tensor&, Tensor&)>& prepare,
                 F&& f) {
  for (int round = 0; round < rounds; ++round) {
    StepCase<BinaryParams> c;
    c.params.function = function;
    const auto shapes = broadcast_shapes(2);
    Tensor a = random_tensor(DTypeOf<A>::value, shapes[0]), b = random_tensor(DTypeOf<B>::value, shapes[1]);
    prepare(a, b);
    // Not shape[2]: what is 1 in both operands is 1 in the result.
    Shape y_shape(std::max(a.rank(), b.rank()));
    for (size_t k = 1; k <= y_shape.size(); ++k) {
      const auto extent = [&](const Shape& s) { return k <= s.size() ? s[s.size() - k] : 1; };
      y_shape[y_shape.size() - k] = std::max(extent(a.shape()), extent(b.shape()));
    }
    Tensor expected(DTypeOf<Y>::value, y_shape);
    for_each_index(y_shape, [&](const Shape& i) {
      expected.data<Y>()[flat(y_shape, i)] =
          f(a.data<A>()[flat(a.shape(), i)], b.data<B>()[flat(b.shape(), i)]);
    });
    c.input(a, {}, gap()), c.input(b, {}, gap()), c.output(DTypeOf<Y>::value, y_shape, {}, gap());
    expect_same<Y>(expected, c.run_everywhere(), "function " + std::to_string(static_cast<int>(function)));
  }
}

template <class T>
void small_numbers(Tensor& a, Tensor& b) {
  for (Tensor* t : {&a, &b})
    for (T& v : t->data<T>())
      if (chance(60)) v = static_cast<T>(random_int(-3, 9));
}
void any_floats(Tensor& a, Tensor& b) {
  constexpr float kFew[] = {0.0f, -0.0f, 1.5f, -1.5f, INFINITY, -INFINITY, NAN, 7.0f};
  for (Tensor* t : {&a, &b})
    for (float& v : t->data<float>()) v = chance(50) ? any_float() : kFew[random_int(0, 7)];
}

template <class T>
void test_comparisons(const std::function<void(Tensor&, Tensor&)>& prepare) {
  test_binary<T, T, bool>(equal, 20, prepare, [](T a, T b) { return a == b; });
  test_binary<T, T, bool>(less, 20, prepare, [](T a, T b) { return a < b; });
  test_binary<T, T, bool>(less_equal, 20, prepare, [](T a, T b) { return a <= b; });
}
TEST(Binary, Comparisons) {
  test_comparisons<float>(any_floats);
  test_comparisons<int32_t>(small_numbers<int32_t>);
  test_comparisons<int64_t>(small_numbers<int64_t>);
  test_comparisons<uint64_t>(small_numbers<uint64_t>);
}

template <class T>
void test_bits() {
  using U = std::make_unsigned_t<T>;
  const auto prepare = small_numbers<T>;
  const auto shifted = [](T b) { return static_cast<U>(b) < sizeof(T) * 8; };
  test_binary<T, T, T>(bit_and, 10, prepare, [](T a, T b) { return a & b; });
  test_binary<T, T, T>(bit_or, 10, prepare, [](T a, T b) { return a | b; });
  test_binary<T, T, T>(bit_xor, 10, prepare, [](T a, T b) { return a ^ b; });
  test_binary<T, T, T>(shift_left, 10, prepare,
                       [&](T a, T b) { return shifted(b) ? static_cast<T>(static_cast<U>(a) << b) : T{0}; });
  test_binary<T, T, T>(shift_right, 10, prepare, [&](T a, T b) { return shifted(b) ? a >> b : T{0}; });
  test_binary<T, T, T>(mod, 10, prepare, [](T a, T b) -> T {
    if (b == 0 || b == static_cast<T>(-1)) return std::is_signed_v<T> || b == 0 ? 0 : a % b;
    T r = a % b;
    while (r != 0 && (r < 0) != (b < 0)) r += b;
    return r;
  });
  test_binary<T, T, T>(fmod, 10, prepare, [](T a, T b) -> T {
    if (b == 0 || (std::is_signed_v<T> && b == static_cast<T>(-1))) return 0;
    return a % b;
  });
  test_binary<T, T, T>(
      pow, 10,
      [](Tensor& a, Tensor& b) {
        for (T& v : a.data<T>()) v = static_cast<T>(random_int(-4, 300));
        for (T& v : b.data<T>()) v = static_cast<T>(random_int(std::is_signed_v<T> ? -3 : 0, 40));
      },
      [](T a, T b) -> T {
        if (std::is_signed_v<T> && b < 0)
          return a == 1 ? 1 : a == static_cast<T>(-1) ? (b % 2 != 0 ? a : 1) : 0;
        U r = 1;
        for (T i = 0; i < b; ++i) r *= static_cast<U>(a);
        return static_cast<T>(r);
      });
  test_binary<T, T, T>(prelu, 10, prepare, [](T a, T b) {
    return a >= 0 ? a : static_cast<T>(static_cast<U>(a) * static_cast<U>(b));
  });
}
TEST(Binary, IntegersBitsRemaindersAndPowers) {
  test_bits<int32_t>();
  test_bits<int64_t>();
  test_bits<uint64_t>();
}

TEST(Binary, Logic) {
  const auto half_true = [](Tensor& a, Tensor& b) {
    for (Tensor* t : {&a, &b})
      for (std::byte& v : t->bytes())
        v = chance(50) ? std::byte{0} : static_cast<std::byte>(random_int(1, 255));
  };
  // The bytes of bool that are neither 0 nor 1 must not be read as bool here.
  for (const auto& [function, f] : std::initializer_list<std::pair<BinaryFunction, bool (*)(bool, bool)>>{
           {bit_and, [](bool a, bool b) { return a && b; }},
           {bit_or, [](bool a, bool b) { return a || b; }},
           {bit_xor, [](bool a, bool b) { return a != b; }},
           {equal, [](bool a, bool b) { return a == b; }}}) {
    StepCase<BinaryParams> c;
    c.params.function = function;
    Tensor a(DType::boolean, {7, 50}), b(DType::boolean, {50});
    half_true(a, b);
    Tensor expected(DType::boolean, {7, 50});
    for (size_t i = 0; i < expected.size(); ++i)
      expected.bytes()[i] =
          static_cast<std::byte>(f(a.bytes()[i] != std::byte{0}, b.bytes()[i % 50] != std::byte{0}));
    c.input(a), c.input(b), c.output(DType::boolean, {7, 50});
    EXPECT_TRUE(std::ranges::equal(expected.bytes(), c.run_everywhere().bytes()));
  }
}

TEST(Binary, FloatRemainderIsExact) {
  const auto exact = [](float a, float b) { return std::fmod(a, b); };
  test_binary<float, float, float>(fmod, 40, any_floats, exact);
  for (int i = 0; i < 200000; ++i) {
    const float a = any_float(), b = any_float(), e = std::fmod(a, b), r = math::fmod(a, b);
    if (std::isnan(e))
      ASSERT_TRUE(std::isnan(r)) << a << " mod " << b;
    else
      ASSERT_EQ(__builtin_bit_cast(uint32_t, e), __builtin_bit_cast(uint32_t, r)) << a << " mod " << b;
  }
}

TEST(Binary, FloatPRelu) {
  test_binary<float, float, float>(prelu, 40, any_floats,
                                   [](float a, float b) { return a >= 0 ? a : a * b; });
}

struct Codes {
  QuantParams a = random_quant(), b = random_quant(), y = random_quant();
  Tensor x{random_tensor(DType::i8, {9, 130})}, w{random_tensor(DType::i8, {1, 130})};

  template <class Y, class F>
  void run(BinaryFunction function, F&& f) {
    StepCase<BinaryParams> c;
    c.params.function = function;
    Tensor expected(DTypeOf<Y>::value, {9, 130});
    for (size_t i = 0; i < expected.size(); ++i)
      expected.data<Y>()[i] = f(x.data<int8_t>()[i], w.data<int8_t>()[i % 130]);
    c.input(x, a, 2), c.input(w, b), c.output(DTypeOf<Y>::value, {9, 130}, y, 1);
    expect_same<Y>(expected, c.run_everywhere(), "codes " + std::to_string(static_cast<int>(function)));
  }
  static float real(int8_t q, const QuantParams& p) {
    return static_cast<float>(q - p.zero_point()) * p.scale();
  }
  int8_t code(float v) const {
    const float scaled = std::nearbyint(v / y.scale());
    return std::isnan(scaled) ? int8_t{-128}
                              : static_cast<int8_t>(
                                    std::clamp(scaled + static_cast<float>(y.zero_point()), -128.0f, 127.0f));
  }
};

TEST(Binary, CodesDivideCompareAndSelect) {
  for (int round = 0; round < 20; ++round) {
    Codes c;
    if (chance(30)) c.b = c.a;
    c.run<int8_t>(BinaryFunction::div,
                  [&](int8_t p, int8_t q) { return c.code(Codes::real(p, c.a) / Codes::real(q, c.b)); });
    c.run<bool>(equal, [&](int8_t p, int8_t q) { return Codes::real(p, c.a) == Codes::real(q, c.b); });
    c.run<bool>(less, [&](int8_t p, int8_t q) { return Codes::real(p, c.a) < Codes::real(q, c.b); });
    c.run<bool>(less_equal, [&](int8_t p, int8_t q) { return Codes::real(p, c.a) <= Codes::real(q, c.b); });
    c.run<int8_t>(max, [](int8_t p, int8_t q) { return std::max(p, q); });
    c.run<int8_t>(min, [](int8_t p, int8_t q) { return std::min(p, q); });
  }
}

TEST(Binary, CodesPRelu) {
  for (int round = 0; round < 20; ++round) {
    StepCase<BinaryParams> c;
    c.params = {prelu, random_float(0.01f, 3), 0, 0};
    const QuantParams a = random_quant(), y = random_quant();
    const Tensor x = random_tensor(DType::i8, {9, 33}), factors = random_tensor(DType::f32, {33}, 2.0f);
    Tensor expected(DType::i8, {9, 33});
    for (size_t i = 0; i < expected.size(); ++i) {
      const int q = x.data<int8_t>()[i] - a.zero_point();
      const float v = static_cast<float>(q) * (q >= 0 ? c.params.fa : factors.data<float>()[i % 33]);
      expected.data<int8_t>()[i] = static_cast<int8_t>(
          std::clamp(std::nearbyint(v) + static_cast<float>(y.zero_point()), -128.0f, 127.0f));
    }
    c.input(x, a, 3), c.constant(factors), c.output(DType::i8, {9, 33}, y);
    expect_same<int8_t>(expected, c.run_everywhere(), "prelu");
  }
}

TEST(Binary, RefusesTypesThatDoNotGoTogether) {
  const auto make = [](BinaryFunction f, DType a, DType b, DType y) {
    StepCase<BinaryParams> c;
    c.params.function = f;
    const QuantParams q{{0.5f}, {3}, -1};
    c.input(random_tensor(a, {3}), q), c.input(random_tensor(b, {3}), q), c.output(y, {3}, q);
    return c;
  };
  EXPECT_NO_THROW(make(less, DType::i8, DType::i8, DType::boolean).validate());
  EXPECT_NO_THROW(make(prelu, DType::i8, DType::f32, DType::i8).validate());
  make(less, DType::f32, DType::f32, DType::f32).expect_invalid("less gives float32");
  make(add, DType::f32, DType::f32, DType::boolean).expect_invalid("add gives bool");
  make(less, DType::boolean, DType::boolean, DType::boolean).expect_invalid("less of bool");
  make(add, DType::boolean, DType::boolean, DType::boolean).expect_invalid("add of bool");
  make(mod, DType::f32, DType::f32, DType::f32).expect_invalid("mod of float32");
  make(bit_and, DType::f32, DType::f32, DType::f32).expect_invalid("bits of float32");
  make(prelu, DType::i8, DType::i8, DType::i8).expect_invalid("prelu by codes");
  make(equal, DType::i32, DType::i64, DType::boolean).expect_invalid("int32 and int64");
}

}  // namespace
}  // namespace openhb::test
