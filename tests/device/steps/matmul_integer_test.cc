// SPDX-License-Identifier: Apache-2.0
// MatMul of integers: int8 with requantization, and the wrapping types.
#include <algorithm>

#include "device/kernels/reduction/matmul.h"
#include "tests/device/steps/harness.h"
#include "tests/device/steps/transposed.h"

namespace openhb::test {
namespace {

struct Product {
  Shape a, b, y;
  int64_t depth;
};

Product random_product(int64_t max_depth) {
  const int64_t m = chance(20) ? random_int(30, 70) : random_int(1, 9), k = random_int(0, max_depth),
                n = chance(50) ? random_int(1, 20) : random_int(20, 150);
  Product p{random_shape(static_cast<size_t>(random_int(0, 2)), 3), {}, {}, k};
  p.b = p.y = p.a;
  for (size_t i = 0; i < p.a.size(); ++i)
    if (chance(40)) (chance(50) ? p.a : p.b)[i] = 1;
  for (size_t i = 0; i < p.a.size(); ++i) p.y[i] = std::max(p.a[i], p.b[i]);
  p.a.insert(p.a.end(), {m, k}), p.b.insert(p.b.end(), {k, n}), p.y.insert(p.y.end(), {m, n});
  return p;
}

// sum over k of (a - za) * (b - zb) modulo 2^64.
template <class T>
uint64_t sum_of(const Product& p, const Tensor& a, const Tensor& b, const Shape& o, int64_t za, int64_t zb) {
  uint64_t sum = 0;
  for (int64_t i = 0; i < p.depth; ++i) {
    Shape ia = o, ib = o;
    ia.back() = ib[ib.size() - 2] = i;
    const auto left = static_cast<uint64_t>(a.data<T>()[flat(p.a, ia)]) - static_cast<uint64_t>(za);
    sum += left * (static_cast<uint64_t>(b.data<T>()[flat(p.b, ib)]) - static_cast<uint64_t>(zb));
  }
  return sum;
}

int64_t gap() { return chance(50) ? 0 : random_int(1, 5); }

template <class T>
void wraps(DType dtype) {
  for (int round = 0; round < 30; ++round) {
    const Product p = random_product(40);
    const Tensor a = random_tensor(dtype, p.a), b = random_tensor(dtype, p.b);
    Tensor expected(dtype, p.y);
    for_each_index(p.y, [&](const Shape& o) {
      expected.data<T>()[flat(p.y, o)] = static_cast<T>(sum_of<T>(p, a, b, o, 0, 0));
    });
    StepCase<MatMulParams> c;
    c.limit_parts = true;
    c.input(a, {}, gap()), c.input(b, {}, gap()), c.output(dtype, p.y, {}, gap());
    expect_same<T>(expected, c.run_everywhere(), std::string(dtype_name(dtype)));
  }
}

TEST(MatMulInteger, Wraps) {
  wraps<int32_t>(DType::i32);
  wraps<uint32_t>(DType::u32);
  wraps<int64_t>(DType::i64);
  wraps<uint64_t>(DType::u64);
}

TEST(MatMulInteger, Int8EqualsTheDefinition) {
  for (int round = 0; round < 150; ++round) {
    const Product p = random_product(chance(20) ? 700 : 40);
    Tensor a = random_tensor(DType::i8, p.a), b = random_tensor(DType::i8, p.b);
    if (chance(10)) {  // the largest sums
      std::ranges::fill(a.data<int8_t>(), int8_t{-128});
      std::ranges::fill(b.data<int8_t>(), int8_t{127});
    }
    const QuantParams qa = random_quant(), qb = random_quant();
    QuantParams qy = random_quant();
    qy.scales[0] = qa.scale() * qb.scale() * std::exp2(random_float(0, 14));
    Tensor expected(DType::i8, p.y);
    for_each_index(p.y, [&](const Shape& o) {
      const auto acc = static_cast<int32_t>(sum_of<int8_t>(p, a, b, o, qa.zero_point(), qb.zero_point()));
      const float m = qa.scale() * qb.scale() / qy.scale();
      const float code = std::nearbyint(static_cast<float>(acc) * m) + static_cast<float>(qy.zero_point());
      expected.data<int8_t>()[flat(p.y, o)] = static_cast<int8_t>(std::clamp(code, -128.0f, 127.0f));
    });
    StepCase<MatMulParams> c;
    c.limit_parts = true;
    c.input(a, qa, gap()), input_b(c, b, qb, gap()), c.output(DType::i8, p.y, qy, gap());
    expect_same<int8_t>(expected, c.run_everywhere(), "int8 product");
    if (HasFatalFailure()) return;
  }
}

TEST(MatMulInteger, DeepSumsStayExact) {
  const int64_t depth = 33025;
  StepCase<MatMulParams> c;
  c.limit_parts = true;
  Tensor a(DType::i8, {1, depth}), b(DType::i8, {depth, 1});
  std::ranges::fill(a.data<int8_t>(), int8_t{-128});
  std::ranges::fill(b.data<int8_t>(), int8_t{127});
  c.input(a, {{1.0f}, {127}, -1}), c.input(b, {{1.0f}, {-128}, -1});
  c.output(DType::i8, {1, 1}, {{0x1p25f}, {0}, -1});
  EXPECT_EQ(c.run_everywhere().data<int8_t>()[0], -64);
}

TEST(MatMulInteger, RefusesWhatDoesNotFit) {
  const QuantParams q{{1.0f}, {0}, -1};
  const auto make = [&](DType a, DType b, DType y, int64_t depth, const QuantParams& quant) {
    StepCase<MatMulParams> c;
    c.limit_parts = true;
    c.input(random_tensor(a, {2, depth}), q), c.input(random_tensor(b, {depth, 3}), quant);
    c.output(y, {2, 3}, q);
    return c;
  };
  EXPECT_NO_THROW(make(DType::i8, DType::i8, DType::i8, 5, q).validate());
  make(DType::i8, DType::i8, DType::i32, 5, q).expect_invalid("mixed types");
  make(DType::i16, DType::i16, DType::i16, 5, q).expect_invalid("int16");
  make(DType::i8, DType::i8, DType::i8, 33026, q).expect_invalid("too deep");
  make(DType::i8, DType::i8, DType::i8, 5, {}).expect_invalid("no scale");
}

}  // namespace
}  // namespace openhb::test
