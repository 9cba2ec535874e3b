// SPDX-License-Identifier: Apache-2.0
// Quantize, Dequantize, Image, Cast.
#include "device/kernels/elementwise/quantize.h"

#include "common/math/half.h"
#include "device/kernels/elementwise/cast.h"
#include "device/kernels/elementwise/image.h"
#include "device/kernels/elementwise/nv12.h"
#include "tests/device/steps/harness.h"

namespace openhb::test {
namespace {

Shape some_shape() {
  Shape shape = random_shape(static_cast<size_t>(random_int(0, 5)), 5);
  if (!shape.empty() && chance(60)) shape.back() = random_int(1, 200);
  return shape;
}

TEST(Quantize, EqualsTheFormula) {
  for (int round = 0; round < 150; ++round) {
    StepCase<QuantizeParams> c;
    const Shape shape = some_shape();
    const QuantParams q = random_quant();
    Tensor x = random_tensor(DType::f32, shape, 200 * q.scale());
    for (float& v : x.data<float>()) {
      if (chance(40)) v = (static_cast<float>(random_int(-140, 140)) + 0.5f) * q.scale();  // near ties
      if (chance(10)) v = any_float();
      if (chance(3)) v = chance(50) ? INFINITY : -INFINITY;
    }
    Tensor expected(DType::i8, shape);
    for (size_t i = 0; i < x.size(); ++i) {
      const float ratio = x.data<float>()[i] / q.scale();
      const double code = std::nearbyint(static_cast<double>(ratio)) + q.zero_point();
      expected.data<int8_t>()[i] =
          static_cast<int8_t>(std::isnan(ratio) ? -128 : std::clamp(code, -128.0, 127.0));
    }
    c.input(x, {}, random_int(0, 3)), c.output(DType::i8, shape, q, random_int(0, 3));
    expect_same<int8_t>(expected, c.run_everywhere(), "quantize");
  }
}

TEST(Dequantize, EqualsTheFormula) {
  for (int round = 0; round < 150; ++round) {
    StepCase<DequantizeParams> c;
    const Shape shape = some_shape();
    const bool wide = chance(50), each = !shape.empty() && shape.back() > 1 && chance(50);
    QuantParams q;
    for (int64_t i = 0; i < (each ? shape.back() : 1); ++i) {
      const QuantParams one = random_quant();
      q.scales.push_back(one.scale());
      q.zero_points.push_back(wide ? 0 : one.zero_point());
    }
    q.axis = each ? static_cast<int32_t>(shape.size()) - 1 : -1;
    const Tensor x = random_tensor(wide ? DType::i32 : DType::i8, shape);
    Tensor expected(DType::f32, shape);
    for (size_t i = 0; i < x.size(); ++i) {
      const size_t k = each ? i % q.scales.size() : 0;
      const int32_t code = wide ? x.data<int32_t>()[i] : x.data<int8_t>()[i] - q.zero_points[k];
      expected.data<float>()[i] = static_cast<float>(code) * q.scales[k];
    }
    c.input(x, q, random_int(0, 3)), c.output(DType::f32, shape, {}, random_int(0, 3));
    expect_same<float>(expected, c.run_everywhere(), "dequantize");
  }
}

TEST(Quantize, RefusesWhatDoesNotFit) {
  const auto make = [](const QuantParams& q) {
    StepCase<QuantizeParams> c;
    c.input(random_tensor(DType::f32, {3})), c.output(DType::i8, {3}, q);
    return c;
  };
  EXPECT_NO_THROW(make({{0.5f}, {0}, -1}).validate());
  make({}).expect_invalid("no scale");
  make({{0.0f}, {0}, -1}).expect_invalid("scale 0");
  make({{-1.0f}, {0}, -1}).expect_invalid("negative scale");
  make({{NAN}, {0}, -1}).expect_invalid("scale NaN");
  make({{1.0f}, {128}, -1}).expect_invalid("zero point 128");
  make({{1.0f, 1.0f, 1.0f}, {0, 0, 0}, 0}).expect_invalid("many scales");
  make({{1.0f}, {}, -1}).expect_invalid("no zero point");
}

TEST(Dequantize, RefusesWhatDoesNotFit) {
  const auto make = [](DType dtype, const QuantParams& q) {
    StepCase<DequantizeParams> c;
    c.input(random_tensor(dtype, {2, 3}), q), c.output(DType::f32, {2, 3});
    return c;
  };
  EXPECT_NO_THROW(make(DType::i8, {{1, 1, 1}, {1, 2, 3}, 1}).validate());
  make(DType::i8, {{1, 1}, {1, 2}, 0}).expect_invalid("scales of another dimension");
  make(DType::i8, {{1, 1, 1}, {1, 2}, 1}).expect_invalid("a missing zero point");
  make(DType::i32, {{1}, {1}, -1}).expect_invalid("int32 with zero point");
  make(DType::u16, {{1}, {0}, -1}).expect_invalid("uint16");
  make(DType::i16, {{1}, {1}, -1}).expect_invalid("int16 with a zero point");
  make(DType::i8, {{1, 1, INFINITY}, {1, 2, 3}, 1}).expect_invalid("infinite scale");
}

TEST(Image, Shifts) {
  for (int round = 0; round < 40; ++round) {
    const bool real = chance(50);
    StepCase<ImageParams> c;
    const Shape shape{random_int(1, 2), random_int(1, 9), random_int(1, 9), random_int(1, 4)};
    const Tensor x = random_tensor(DType::u8, shape);
    Tensor expected(real ? DType::f32 : DType::i8, shape);
    for (size_t i = 0; i < x.size(); ++i) {
      const int v = x.data<uint8_t>()[i] - 128;
      real ? void(expected.data<float>()[i] = static_cast<float>(v))
           : void(expected.data<int8_t>()[i] = static_cast<int8_t>(v));
    }
    c.input(x, {}, random_int(0, 20)), c.output(expected.dtype(), shape, {}, random_int(0, 2));
    const Tensor y = c.run_everywhere();
    real ? expect_same<float>(expected, y, "image") : expect_same<int8_t>(expected, y, "image");
  }
  StepCase<ImageParams> wrong;
  wrong.input(random_tensor(DType::i8, {1})), wrong.output(DType::i8, {1});
  wrong.expect_invalid("int8 picture");
}

TEST(Nv12, RepeatsChroma) {
  for (int round = 0; round < 60; ++round) {
    const bool real = chance(30);
    const int64_t n = random_int(1, 2), h = 2 * random_int(1, 4), w = 2 * random_int(1, 40);
    const Tensor x = random_tensor(DType::u8, {n, 1, h + h / 2, w});
    const Shape shape{n, h, w, 3};
    Tensor expected(real ? DType::f32 : DType::i8, shape);
    size_t i = 0;
    for_each_index(shape, [&](const Shape& at) {
      const int64_t top = at[0] * (h + h / 2);
      const int64_t source =
          at[3] == 0 ? (top + at[1]) * w + at[2] : (top + h + at[1] / 2) * w + at[2] / 2 * 2 + at[3] - 1;
      const int v = x.data<uint8_t>()[static_cast<size_t>(source)] - 128;
      real ? void(expected.data<float>()[i] = static_cast<float>(v))
           : void(expected.data<int8_t>()[i] = static_cast<int8_t>(v));
      ++i;
    });
    StepCase<Nv12Params> c;
    c.input(x, {}, random_int(0, 20)),
        c.output(expected.dtype(), shape, {}, chance(60) ? 0 : random_int(0, 2));
    const Tensor y = c.run_everywhere();
    real ? expect_same<float>(expected, y, "nv12") : expect_same<int8_t>(expected, y, "nv12");
  }
}

TEST(Nv12, RefusesWhatDoesNotFit) {
  const auto make = [](const Shape& x, const Shape& y, DType from = DType::u8, DType to = DType::i8) {
    StepCase<Nv12Params> c;
    c.input(random_tensor(from, x)), c.output(to, y);
    return c;
  };
  EXPECT_NO_THROW(make({1, 1, 6, 8}, {1, 4, 8, 3}).validate());
  make({1, 1, 6, 8}, {1, 4, 8, 3}, DType::i8).expect_invalid("int8 picture");
  make({1, 1, 6, 8}, {1, 4, 8, 3}, DType::u8, DType::u8).expect_invalid("uint8 result");
  make({1, 1, 4, 8}, {1, 3, 8, 3}).expect_invalid("odd height");
  make({1, 1, 6, 7}, {1, 4, 7, 3}).expect_invalid("odd width");
  make({1, 1, 4, 8}, {1, 4, 8, 3}).expect_invalid("chroma is missing");
  make({2, 1, 6, 8}, {1, 4, 8, 3}).expect_invalid("two pictures");
  make({1, 1, 6, 8}, {1, 4, 8, 4}).expect_invalid("four channels");
  make({1, 6, 8}, {1, 4, 8, 3}).expect_invalid("three dimensions");
}

// Reference conversions: every source value as long double or 64-bit integer, every destination from it.
struct Value {
  bool is_integer;
  bool is_unsigned;
  uint64_t bits;
  double real;
};
Value load(const Tensor& t, size_t i) {
  const auto integer = [](auto v) { return Value{true, false, static_cast<uint64_t>(int64_t{v}), 0}; };
  switch (t.dtype()) {
    case DType::f32:
      return {false, false, 0, static_cast<double>(t.data<float>()[i])};
    case DType::f64:
      return {false, false, 0, t.data<double>()[i]};
    case DType::f16: {
      uint16_t h = 0;
      std::memcpy(&h, t.bytes().data() + 2 * i, 2);
      return {false, false, 0, static_cast<double>(math::half_to_float(h))};
    }
    case DType::boolean:
      return {true, false, t.bytes()[i] != std::byte{0} ? 1u : 0u, 0};
    case DType::i8:
      return integer(t.data<int8_t>()[i]);
    case DType::u8:
      return integer(t.data<uint8_t>()[i]);
    case DType::i16:
      return integer(t.data<int16_t>()[i]);
    case DType::u16:
      return integer(t.data<uint16_t>()[i]);
    case DType::i32:
      return integer(t.data<int32_t>()[i]);
    case DType::u32:
      return integer(t.data<uint32_t>()[i]);
    case DType::i64:
      return integer(t.data<int64_t>()[i]);
    case DType::u64:
      break;
  }
  return {true, true, t.data<uint64_t>()[i], 0};
}
double as_double(const Value& v) {
  if (!v.is_integer) return v.real;
  return v.is_unsigned ? static_cast<double>(v.bits) : static_cast<double>(static_cast<int64_t>(v.bits));
}
template <class T>
T as_integer(const Value& v) {
  if (v.is_integer) return static_cast<T>(v.bits);
  if (std::isnan(v.real)) return 0;
  const double t = std::trunc(v.real);
  if (t <= static_cast<double>(std::numeric_limits<T>::min())) return std::numeric_limits<T>::min();
  if (t >= std::ldexp(1.0, std::numeric_limits<T>::digits)) return std::numeric_limits<T>::max();
  return static_cast<T>(t);
}
template <class T>
void put(Tensor& t, size_t i, T v) {
  std::memcpy(t.bytes().data() + i * sizeof(T), &v, sizeof(T));
}
void store(Tensor& t, size_t i, const Value& v) {
  switch (t.dtype()) {
    case DType::f32:
      return put(t, i,
                 !v.is_integer   ? static_cast<float>(v.real)
                 : v.is_unsigned ? static_cast<float>(v.bits)
                                 : static_cast<float>(static_cast<int64_t>(v.bits)));
    case DType::f64:
      return put(t, i, as_double(v));
    case DType::f16:
      return put(t, i, math::double_to_half(as_double(v)));
    case DType::boolean:
      return put(t, i, static_cast<uint8_t>(v.is_integer ? v.bits != 0 : v.real != 0));
    case DType::i8:
      return put(t, i, as_integer<int8_t>(v));
    case DType::u8:
      return put(t, i, as_integer<uint8_t>(v));
    case DType::i16:
      return put(t, i, as_integer<int16_t>(v));
    case DType::u16:
      return put(t, i, as_integer<uint16_t>(v));
    case DType::i32:
      return put(t, i, as_integer<int32_t>(v));
    case DType::u32:
      return put(t, i, as_integer<uint32_t>(v));
    case DType::i64:
      return put(t, i, as_integer<int64_t>(v));
    case DType::u64:
      return put(t, i, as_integer<uint64_t>(v));
  }
}

TEST(Cast, EveryPairOfTypes) {
  for (const DTypeInfo& from : kDTypes)
    for (const DTypeInfo& to : kDTypes) {
      StepCase<CastParams> c;
      const Shape shape{3, random_int(1, 90)};
      Tensor x = random_tensor(from.dtype, shape);
      if (from.dtype == DType::f32)
        for (float& v : x.data<float>()) v = chance(30) ? any_float() : random_float(-300, 300);
      if (from.dtype == DType::f64)
        for (double& v : x.data<double>())
          v = chance(30) ? std::ldexp(random_float(-1, 1), 64) : random_float(-9e4f, 9e4f);
      Tensor expected(to.dtype, shape);
      for (size_t i = 0; i < x.size(); ++i) store(expected, i, load(x, i));
      unify_nans(expected);
      c.input(x, {}, random_int(0, 3)), c.output(to.dtype, shape, {}, random_int(0, 3));
      const Tensor y = c.run_everywhere();
      EXPECT_TRUE(std::ranges::equal(expected.bytes(), y.bytes())) << from.name << " to " << to.name;
    }
  StepCase<CastParams> wrong;
  wrong.input(random_tensor(DType::i8, {1})), wrong.output(DType::f32, {2});
  wrong.expect_invalid("other extents");
}

}  // namespace
}  // namespace openhb::test
