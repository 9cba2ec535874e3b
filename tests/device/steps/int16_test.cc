// SPDX-License-Identifier: Apache-2.0
// Element-wise and spatial steps with int16 codes.
#include <algorithm>

#include "device/kernels/elementwise/binary.h"
#include "device/kernels/elementwise/lut.h"
#include "device/kernels/elementwise/quantize.h"
#include "device/kernels/reduction/reduce.h"
#include "device/kernels/spatial/pool.h"
#include "device/kernels/spatial/resize.h"
#include "tests/device/steps/harness.h"

namespace openhb::test {
namespace {

int64_t gap() { return random_int(0, 3); }

Shape some_shape() {
  Shape shape = random_shape(static_cast<size_t>(random_int(0, 4)), 5);
  if (!shape.empty() && chance(60)) shape.back() = random_int(1, 200);
  return shape;
}

QuantParams quant_for(DType codes) {
  QuantParams q = random_quant();
  if (codes == DType::i16) q = {{q.scale() / 256.0f}, {0}, -1};
  return q;
}

// Codes as numbers, and back.
int32_t code_at(const Tensor& t, size_t i) {
  return t.dtype() == DType::i16 ? t.data<int16_t>()[i] : t.data<int8_t>()[i];
}
void set_code(Tensor& t, size_t i, double value) {
  if (t.dtype() == DType::i16)
    t.data<int16_t>()[i] =
        static_cast<int16_t>(std::isnan(value) ? -32768.0 : std::clamp(value, -32768.0, 32767.0));
  else
    t.data<int8_t>()[i] = static_cast<int8_t>(std::isnan(value) ? -128.0 : std::clamp(value, -128.0, 127.0));
}
void expect_same_codes(const Tensor& expected, const Tensor& actual, const std::string& what) {
  if (expected.dtype() == DType::i16)
    expect_same<int16_t>(expected, actual, what);
  else
    expect_same<int8_t>(expected, actual, what);
}

// int16 codes, some at the ends of the range.
Tensor random_codes(DType dtype, const Shape& shape) {
  Tensor t = random_tensor(dtype, shape);
  if (dtype == DType::i16)
    for (int16_t& v : t.data<int16_t>())
      if (chance(10)) v = chance(50) ? int16_t{-32768} : int16_t{32767};
  return t;
}

TEST(Int16, QuantizeEqualsTheFormula) {
  for (int round = 0; round < 100; ++round) {
    StepCase<QuantizeParams> c;
    const Shape shape = some_shape();
    const QuantParams q = quant_for(DType::i16);
    Tensor x = random_tensor(DType::f32, shape, 40000 * q.scale()), expected(DType::i16, shape);
    for (float& v : x.data<float>()) {
      if (chance(40)) v = (static_cast<float>(random_int(-33000, 33000)) + 0.5f) * q.scale();
      if (chance(5)) v = any_float();
      if (chance(3)) v = chance(50) ? INFINITY : -INFINITY;
    }
    for (size_t i = 0; i < x.size(); ++i) {
      const float ratio = x.data<float>()[i] / q.scale();
      set_code(expected, i, std::nearbyint(static_cast<double>(ratio)));
    }
    c.input(x, {}, gap()), c.output(DType::i16, shape, q, gap());
    expect_same<int16_t>(expected, c.run_everywhere(), "quantize");
  }
}

TEST(Int16, DequantizeEqualsTheFormula) {
  for (int round = 0; round < 60; ++round) {
    StepCase<DequantizeParams> c;
    const Shape shape = some_shape();
    const QuantParams q = quant_for(DType::i16);
    const Tensor x = random_codes(DType::i16, shape);
    Tensor expected(DType::f32, shape);
    for (size_t i = 0; i < x.size(); ++i)
      expected.data<float>()[i] = static_cast<float>(x.data<int16_t>()[i]) * q.scale();
    c.input(x, q, gap()), c.output(DType::f32, shape, {}, gap());
    expect_same<float>(expected, c.run_everywhere(), "dequantize");
  }
}

TEST(Int16, RequantizeIsDequantizeAndQuantize) {
  for (int round = 0; round < 160; ++round) {
    const DType from = chance(50) ? DType::i16 : DType::i8, to = chance(50) ? DType::i16 : DType::i8;
    StepCase<QuantizeParams> c;
    const Shape shape = some_shape();
    const QuantParams qx = quant_for(from), qy = quant_for(to);
    const Tensor x = random_codes(from, shape);
    Tensor expected(to, shape);
    for (size_t i = 0; i < x.size(); ++i) {
      const float real = static_cast<float>(code_at(x, i) - qx.zero_point()) * qx.scale();
      const float ratio = real / qy.scale();
      set_code(expected, i, std::nearbyint(static_cast<double>(ratio)) + qy.zero_point());
    }
    c.input(x, qx, gap()), c.output(to, shape, qy, gap());
    expect_same_codes(expected, c.run_everywhere(), "requantize");
  }
}

TEST(Int16, WideningIsExact) {
  StepCase<QuantizeParams> c;
  Tensor x(DType::i8, {256}), expected(DType::i16, {256});
  const QuantParams q = random_quant();
  for (int i = 0; i < 256; ++i) {
    x.data<int8_t>()[static_cast<size_t>(i)] = static_cast<int8_t>(i - 128);
    expected.data<int16_t>()[static_cast<size_t>(i)] = static_cast<int16_t>(i - 128 - q.zero_point());
  }
  c.input(x, q), c.output(DType::i16, {256}, {{q.scale()}, {0}, -1});
  expect_same<int16_t>(expected, c.run_everywhere(), "widening");
}

struct Shapes {
  Shape a, b, y;
};
Shapes broadcast_shapes() {
  Shapes s;
  s.y = random_shape(static_cast<size_t>(random_int(1, 4)), 4);
  if (chance(60)) s.y.back() = random_int(1, 150);
  s.a = s.b = s.y;
  for (size_t i = 0; i < s.y.size(); ++i)
    if (chance(30)) (chance(50) ? s.a : s.b)[i] = 1;
  if (chance(30)) s.b.erase(s.b.begin(), s.b.begin() + random_int(0, std::ssize(s.b)));
  for (size_t i = 0; i < s.y.size(); ++i) {
    const size_t missing = s.y.size() - s.b.size();
    s.y[i] = std::max(s.a[i], i < missing ? 1 : s.b[i - missing]);
  }
  return s;
}

TEST(Int16, BinaryEqualsTheFormula) {
  using enum BinaryFunction;
  for (int round = 0; round < 250; ++round) {
    StepCase<BinaryParams> c;
    const DType to = chance(70) ? DType::i16 : DType::i8;
    const Shapes s = broadcast_shapes();
    const Tensor a = random_codes(DType::i16, s.a), b = random_codes(DType::i16, s.b);
    const QuantParams qa = quant_for(DType::i16), qb = quant_for(DType::i16);
    QuantParams qy = quant_for(to);
    constexpr BinaryFunction kFunctions[] = {add, sub, mul, max, min, BinaryFunction::div};
    const auto f = c.params.function = kFunctions[random_int(0, 5)];
    BinaryParams& p = c.params;
    if (f == mul && chance(80)) qy.scales[0] = qa.scale() * qb.scale() * 32768;
    if (f != mul && chance(80)) qy.scales[0] = std::max(qa.scale(), qb.scale()) * 2;
    if (to == DType::i8) qy.scales[0] *= 256;
    if (f == BinaryFunction::div) qy.scales[0] = qa.scale() / qb.scale() * random_float(0.001f, 0.1f);
    if (f == mul)
      p.fa = qa.scale() * qb.scale() / qy.scale();
    else
      p.fa = qa.scale() / qy.scale(), p.fb = (f == sub ? -qb.scale() : qb.scale()) / qy.scale();
    Tensor expected(to, s.y);
    size_t at = 0;
    for_each_index(s.y, [&](const Shape& i) {
      const int32_t va = a.data<int16_t>()[flat(s.a, i)], vb = b.data<int16_t>()[flat(s.b, i)];
      const float fa = static_cast<float>(va) * p.fa, fb = static_cast<float>(vb) * p.fb;
      float v = std::fma(static_cast<float>(va), p.fa, fb);
      if (f == mul) v = static_cast<float>(va * vb) * p.fa;
      if (f == max) v = std::max(fa, fb);
      if (f == min) v = std::min(fa, fb);
      if (f == BinaryFunction::div) {
        const float x = static_cast<float>(va) * qa.scale(), w = static_cast<float>(vb) * qb.scale();
        v = x / w;
        v = v / qy.scale();
      }
      set_code(expected, at++, std::nearbyint(static_cast<double>(v)) + qy.zero_point());
    });
    c.input(a, qa, gap()), c.input(b, qb, gap()), c.output(to, s.y, qy, gap());
    expect_same_codes(expected, c.run_everywhere(), "binary");
  }
}

TEST(Int16, ComparisonsEqualTheFormula) {
  using enum BinaryFunction;
  for (int round = 0; round < 60; ++round) {
    StepCase<BinaryParams> c;
    const Shapes s = broadcast_shapes();
    Tensor a = random_codes(DType::i16, s.a), b = random_codes(DType::i16, s.b);
    for (int16_t& v : a.data<int16_t>()) v = static_cast<int16_t>(v % 50);
    for (int16_t& v : b.data<int16_t>()) v = static_cast<int16_t>(v % 50);
    const QuantParams qa = quant_for(DType::i16), qb = chance(50) ? qa : quant_for(DType::i16);
    const auto f = c.params.function = chance(33) ? equal : chance(50) ? less : less_equal;
    Tensor expected(DType::boolean, s.y);
    size_t at = 0;
    for_each_index(s.y, [&](const Shape& i) {
      const float x = static_cast<float>(a.data<int16_t>()[flat(s.a, i)]) * qa.scale();
      const float y = static_cast<float>(b.data<int16_t>()[flat(s.b, i)]) * qb.scale();
      expected.data<bool>()[at++] = f == equal ? x == y : f == less ? x < y : x <= y;
    });
    c.input(a, qa, gap()), c.input(b, qb, gap()), c.output(DType::boolean, s.y, {}, gap());
    expect_same<bool>(expected, c.run_everywhere(), "comparison");
  }
}

TEST(Int16, ReductionsEqualTheFormula) {
  for (int round = 0; round < 100; ++round) {
    StepCase<ReduceParams> c;
    const Shape dims = random_shape(static_cast<size_t>(random_int(1, 4)), 9);
    Shape y = dims;
    for (size_t i = 0; i < dims.size(); ++i)
      if (chance(50)) c.params.axes.push_back(static_cast<int64_t>(i)), y[i] = 1;
    const auto f = c.params.function = static_cast<ReduceFunction>(random_int(0, 3));
    const bool sums = f == ReduceFunction::sum || f == ReduceFunction::mean;
    const DType to = sums && chance(40) ? DType::i8 : DType::i16;
    const QuantParams qx = quant_for(DType::i16), qy = sums ? quant_for(to) : qx;
    const Tensor x = random_codes(DType::i16, dims);
    std::vector<int64_t> sum(static_cast<size_t>(num_elements(y)), 0), most(sum.size(), -32768),
        least(sum.size(), 32767);
    for_each_index(dims, [&](const Shape& i) {
      const size_t at = flat(y, i);
      const int64_t v = x.data<int16_t>()[flat(dims, i)];
      sum[at] += v, most[at] = std::max(most[at], v), least[at] = std::min(least[at], v);
    });
    const double count = static_cast<double>(x.size()) / static_cast<double>(sum.size());
    const double divisor = static_cast<double>(qy.scale()) * (f == ReduceFunction::mean ? count : 1.0);
    const double m = static_cast<double>(qx.scale()) / divisor;
    Tensor expected(to, y);
    for (size_t i = 0; i < sum.size(); ++i)
      set_code(expected, i,
               f == ReduceFunction::max ? static_cast<double>(most[i])
               : f == ReduceFunction::min
                   ? static_cast<double>(least[i])
                   : std::nearbyint(static_cast<double>(sum[i]) * m) + qy.zero_point());
    c.input(x, qx, gap()), c.output(to, y, qy, gap());
    expect_same_codes(expected, c.run_everywhere(), "reduce");
  }
}

TEST(Int16, BinaryRefusesWhatItLacks) {
  const auto make = [](DType a, DType b, DType y, BinaryFunction f) {
    StepCase<BinaryParams> c;
    c.params.function = f;
    const QuantParams q{{0.5f}, {0}, -1};
    c.input(random_tensor(a, {3}), q), c.input(random_tensor(b, {3}), q), c.output(y, {3}, q);
    return c;
  };
  using enum BinaryFunction;
  EXPECT_NO_THROW(make(DType::i16, DType::i16, DType::i8, add).validate());
  make(DType::i16, DType::i8, DType::i16, add).expect_invalid("mixed operands");
  make(DType::i8, DType::i8, DType::i16, add).expect_invalid("int8 to int16");
  make(DType::i16, DType::i16, DType::f32, add).expect_invalid("to float");
  make(DType::i16, DType::i16, DType::i16, less).expect_invalid("a comparison to codes");
  make(DType::i16, DType::i16, DType::i16, pow).expect_invalid("pow");
  auto zero = make(DType::i16, DType::i16, DType::i16, add);
  zero.in(1).quant.zero_points[0] = 1;
  zero.expect_invalid("zero point");
}

TEST(Int16, LutFromInt8) {
  for (int round = 0; round < 40; ++round) {
    StepCase<LutParams> c;
    const Shape shape = some_shape();
    const Tensor x = random_tensor(DType::i8, shape), table = random_tensor(DType::i16, {256});
    Tensor expected(DType::i16, shape);
    for (size_t i = 0; i < x.size(); ++i)
      expected.data<int16_t>()[i] = table.data<int16_t>()[static_cast<size_t>(x.data<int8_t>()[i] + 128)];
    c.input(x, {}, gap()), c.constant(table), c.output(DType::i16, shape, {}, gap());
    expect_same<int16_t>(expected, c.run_everywhere(), "table");
  }
}

TEST(Int16, LutInterpolates) {
  for (int bits = kLutLeastBits; bits <= 16; ++bits)
    for (const DType to : {DType::i16, DType::i8}) {
      StepCase<LutParams> c;
      const int64_t n = (int64_t{1} << bits) + 1, step = 65536 / (n - 1);
      Tensor table(DType::i32, {n});
      // Ends, values around the saturation of the output, anything.
      for (int32_t& t : table.data<int32_t>())
        t = static_cast<int32_t>(chance(10)   ? (chance(50) ? kLutLargest : -kLutLargest)
                                 : chance(50) ? random_int(-140, 140) * kLutOne
                                              : random_int(-kLutLargest, kLutLargest));
      Tensor x(DType::i16, {65536}), expected(to, {65536});
      for (int64_t q = -32768; q < 32768; ++q) {
        const auto i = static_cast<size_t>(q + 32768);
        x.data<int16_t>()[i] = static_cast<int16_t>(q);
        const int64_t k = (q + 32768) / step, r = (q + 32768) % step;
        const auto t = table.data<int32_t>();
        const int64_t sum =
            t[static_cast<size_t>(k)] * (step - r) + t[static_cast<size_t>(k + 1)] * r + step * kLutOne / 2;
        set_code(expected, i, std::floor(static_cast<double>(sum) / static_cast<double>(step * kLutOne)));
      }
      c.input(x), c.constant(table), c.output(to, {65536}, {}, 0);
      expect_same_codes(expected, c.run_everywhere(), fmt::format("{} bits", bits));
    }
}

// Tables of Relu and Clip, whose bounds are entries or lie between two, in rows of any length.
TEST(Int16, LutBoundsInRows) {
  for (int round = 0; round < 120; ++round) {
    StepCase<LutParams> c;
    const int64_t n = (int64_t{1} << random_int(kLutLeastBits, 16)) + 1, step = 65536 / (n - 1);
    const auto bound = [&] {
      return chance(20) ? 32768 : random_int(0, 65536 / step) * step - 32768 + (chance(30) ? 1 : 0);
    };
    int64_t lo = chance(50) ? 0 : bound(), hi = chance(50) ? 32768 : bound();
    if (lo > hi) std::swap(lo, hi);
    Tensor table(DType::i32, {n});
    const auto t = table.data<int32_t>();
    for (int64_t k = 0; k < n; ++k)
      t[static_cast<size_t>(k)] = static_cast<int32_t>(std::clamp(k * step - 32768, lo, hi) * kLutOne);
    if (chance(20)) t[static_cast<size_t>(random_int(0, n - 1))] += 1;
    const Shape shape = some_shape();
    const Tensor x = random_tensor(DType::i16, shape);
    Tensor expected(DType::i16, shape);
    for (size_t i = 0; i < x.size(); ++i) {
      const int64_t u = x.data<int16_t>()[i] + 32768, k = u / step, r = u % step;
      const int64_t sum =
          t[static_cast<size_t>(k)] * (step - r) + t[static_cast<size_t>(k + 1)] * r + step * kLutOne / 2;
      set_code(expected, i, std::floor(static_cast<double>(sum) / static_cast<double>(step * kLutOne)));
    }
    c.input(x, {}, gap()), c.constant(table), c.output(DType::i16, shape, {}, gap());
    expect_same_codes(expected, c.run_everywhere(), fmt::format("{} entries, {} to {}", n, lo, hi));
  }
}

TEST(Int16, LutRefusesBadTables) {
  const auto make = [](int64_t n, int32_t entry) {
    StepCase<LutParams> c;
    Tensor table(DType::i32, {n});
    if (n > 5) table.data<int32_t>()[5] = entry;
    c.input(random_tensor(DType::i16, {7})), c.constant(table), c.output(DType::i16, {7});
    return c;
  };
  EXPECT_NO_THROW(make(1025, kLutLargest).validate());
  for (const int64_t n : {0, 1, 2, 256, 513, 1024, 1026, 65536, 131073}) make(n, 0).expect_invalid("extents");
  make(1025, kLutLargest + 1).expect_invalid("entry too large");
  make(1025, std::numeric_limits<int32_t>::min()).expect_invalid("entry too small");
}

// The valid positions of a window without dilation.
template <class F>
void visit_window(const PoolParams& p, const Shape& x, int64_t row, int64_t column, F&& f) {
  for (int64_t h = std::max<int64_t>(row * p.stride[0] - p.pads[0], 0);
       h < std::min<int64_t>(row * p.stride[0] - p.pads[0] + p.kernel[0], x[1]); ++h)
    for (int64_t w = std::max<int64_t>(column * p.stride[1] - p.pads[1], 0);
         w < std::min<int64_t>(column * p.stride[1] - p.pads[1] + p.kernel[1], x[2]); ++w)
      f(h, w);
}

TEST(Int16, PoolsEqualTheFormula) {
  for (int round = 0; round < 120; ++round) {
    StepCase<PoolParams> c;
    const Shape dims{random_int(1, 2), random_int(2, 9), random_int(2, 9),
                     chance(30) ? random_int(60, 150) : random_int(1, 40)};
    PoolParams& p = c.params;
    p.mode = static_cast<PoolMode>(random_int(0, 2));
    Shape y{dims[0], 1, 1, dims[3]};
    for (size_t i = 0; i < 2 && p.mode != PoolMode::global_average; ++i) {
      p.kernel[i] = static_cast<int32_t>(random_int(1, dims[i + 1]));
      p.stride[i] = static_cast<int32_t>(random_int(1, 3));
      p.pads[i] = static_cast<int32_t>(random_int(0, p.kernel[i] / 2));
      p.pads[i + 2] = static_cast<int32_t>(random_int(0, p.kernel[i] / 2));
      y[i + 1] = (dims[i + 1] + p.pads[i] + p.pads[i + 2] - p.kernel[i]) / p.stride[i] + 1;
    }
    p.count_include_pad = chance(50) ? 1 : 0;
    const bool max = p.mode == PoolMode::max, global = p.mode == PoolMode::global_average;
    const DType to = max || chance(60) ? DType::i16 : DType::i8;
    const QuantParams qx = quant_for(DType::i16), qy = max ? qx : quant_for(to);
    const Tensor x = random_codes(DType::i16, dims);
    Tensor expected(to, y);
    size_t at = 0;
    for_each_index(y, [&](const Shape& i) {
      int64_t sum = 0, count = 0, most = -32768;
      const auto add = [&](int64_t h, int64_t w) {
        const int64_t v = x.data<int16_t>()[flat(dims, {i[0], h, w, i[3]})];
        sum += v, ++count, most = std::max(most, v);
      };
      if (global) {
        for (int64_t h = 0; h < dims[1]; ++h)
          for (int64_t w = 0; w < dims[2]; ++w) add(h, w);
      } else {
        visit_window(p, dims, i[1], i[2], add);
        if (p.count_include_pad != 0) count = int64_t{p.kernel[0]} * p.kernel[1];
      }
      const double m =
          static_cast<double>(qx.scale()) / (static_cast<double>(qy.scale()) * static_cast<double>(count));
      set_code(
          expected, at++,
          max ? static_cast<double>(most) : std::nearbyint(static_cast<double>(sum) * m) + qy.zero_point());
    });
    c.input(x, qx, gap()), c.output(to, y, qy, gap());
    expect_same_codes(expected, c.run_everywhere(), "pool");
  }
}

TEST(Int16, ResizeLinearEqualsTheFormula) {
  for (int round = 0; round < 60; ++round) {
    StepCase<ResizeParams> c;
    c.params.mode = ResizeMode::linear;
    const Shape dims{random_int(1, 2), random_int(1, 6), random_int(1, 6), random_int(1, 40)};
    const Shape y{dims[0], random_int(1, 9), random_int(1, 9), dims[3]};
    const QuantParams qx = quant_for(DType::i16), qy = chance(50) ? qx : quant_for(DType::i16);
    const Tensor x = random_codes(DType::i16, dims);
    std::vector<Tensor> index, weight;
    for (size_t axis = 0; axis < 2; ++axis) {
      index.emplace_back(DType::i32, Shape{2, y[axis + 1]});
      for (int32_t& v : index.back().data<int32_t>())
        v = static_cast<int32_t>(random_int(0, dims[axis + 1] - 1));
      weight.push_back(random_tensor(DType::f32, {2, y[axis + 1]}, 1.0f));
    }
    Tensor expected(DType::i16, y);
    size_t at = 0;
    for_each_index(y, [&](const Shape& i) {
      const auto pick = [&](const auto& table, int64_t row, size_t axis) {
        return table[static_cast<size_t>(row * y[axis + 1] + i[axis + 1])];
      };
      float sum = 0;
      for (int64_t row = 0; row < 2; ++row)
        for (int64_t column = 0; column < 2; ++column) {
          const int64_t h = pick(index[0].data<int32_t>(), row, 0),
                        w = pick(index[1].data<int32_t>(), column, 1);
          const float factor =
              pick(weight[1].data<float>(), column, 1) * pick(weight[0].data<float>(), row, 0);
          const float real =
              static_cast<float>(x.data<int16_t>()[flat(dims, {i[0], h, w, i[3]})]) * qx.scale();
          const float part = factor * real;
          sum = row + column == 0 ? part : sum + part;
        }
      const float ratio = sum / qy.scale();
      set_code(expected, at++, std::nearbyint(static_cast<double>(ratio)));
    });
    c.input(x, qx, gap());
    for (size_t axis = 0; axis < 2; ++axis) c.constant(index[axis]), c.constant(weight[axis]);
    c.output(DType::i16, y, qy, gap());
    expect_same<int16_t>(expected, c.run_everywhere(), "resize");
  }
}

}  // namespace
}  // namespace openhb::test
