// SPDX-License-Identifier: Apache-2.0
#include "tests/device/steps/vector_maker.h"

namespace openhb::test {

void add_int16(Maker& m) {
  Numbers n(8);
  const QuantParams x16{{0.00043f}, {0}, -1}, w16{{0.00071f}, {0}, -1}, y16{{0.00092f}, {0}, -1};
  const auto both = [&](const std::string& name, const auto& params, const std::vector<Operand>& inputs,
                        const Shape& y) {
    m.add(name + "_i16", params, inputs, DType::i16, y, y16);
    m.add(name + "_i16_i8", params, inputs, DType::i8, y, kY);
  };
  const Shape x{1, 9, 8, 32}, y{1, 5, 4, 32};
  const auto convolution = [&](const std::string& name, auto p, const Shape& weights) {
    p.kernel = {3, 3}, p.stride = {2, 2}, p.pads = {1, 1, 1, 1}, p.lo = -100, p.hi = 110;
    Tensor bias(DType::i64, {32}), multiplier(DType::f64, {32});
    for (int64_t& v : bias.data<int64_t>()) v = n.integer(-2000000000, 2000000000);
    for (double& v : multiplier.data<double>()) v = 1e-5 * (1.5 + static_cast<double>(n.real(1.0f)));
    const std::vector<Operand> inputs{{n.tensor(DType::i16, x), x16},
                                      {n.tensor(DType::i8, weights), {}, true},
                                      {bias, {}, true},
                                      {multiplier, {}, true}};
    m.add(name + "_i16_i8", p, inputs, DType::i8, y, kY);
    p.lo = -30000, p.hi = 32767;
    m.add(name + "_i16", p, inputs, DType::i16, y, y16);
    m.add(name + "_i16_f32", p, inputs, DType::f32, y);
  };
  convolution("conv", ConvParams{}, {1, 2, 9, 8, 16, 4});
  convolution("depthwise", DepthwiseParams{}, {9, 32});

  const std::vector<std::pair<std::string, BinaryFunction>> functions{{"add", BinaryFunction::add},
                                                                      {"sub", BinaryFunction::sub},
                                                                      {"mul", BinaryFunction::mul},
                                                                      {"max", BinaryFunction::max},
                                                                      {"min", BinaryFunction::min}};
  for (const auto& [name, function] : functions) {
    const bool mul = function == BinaryFunction::mul;
    const BinaryParams p{function, mul ? 4.1e-5f : 0.467f, function == BinaryFunction::sub ? -0.772f : 0.772f,
                         0};
    both("binary_" + name, p, {{n.tensor(DType::i16, {3, 40}), x16}, {n.tensor(DType::i16, {40}), w16}},
         {3, 40});
  }
  for (const int64_t knots : {1025, 4097}) {
    Tensor table(DType::i32, {knots});
    for (int32_t& v : table.data<int32_t>()) v = n.integer(-9000000, 9000000);
    both(fmt::format("lut_{}", knots), LutParams{}, {{n.tensor(DType::i16, {5, 60}), x16}, {table, {}, true}},
         {5, 60});
  }
  m.add("lut_i8_i16", LutParams{},
        {{n.tensor(DType::i8, {5, 60}), kX}, {n.tensor(DType::i16, {256}), {}, true}}, DType::i16, {5, 60},
        y16);
  m.add("quantize_i16", QuantizeParams{}, {{n.tensor(DType::f32, {7, 33}, 40.0f), {}}}, DType::i16, {7, 33},
        y16);
  m.add("dequantize_i16", DequantizeParams{}, {{n.tensor(DType::i16, {7, 33}), x16}}, DType::f32, {7, 33});
  both("requantize", QuantizeParams{}, {{n.tensor(DType::i16, {7, 33}), x16}}, {7, 33});
  m.add("requantize_i8_i16", QuantizeParams{}, {{n.tensor(DType::i8, {7, 33}), kX}}, DType::i16, {7, 33},
        y16);

  PoolParams p{PoolMode::max, {3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}, 0};
  m.add("pool_max_i16", p, {{n.tensor(DType::i16, x), x16}}, DType::i16, y, x16);
  p.mode = PoolMode::average;
  both("pool_average", p, {{n.tensor(DType::i16, x), x16}}, y);
  p.mode = PoolMode::global_average;
  both("pool_global", p, {{n.tensor(DType::i16, x), x16}}, {1, 1, 1, 32});
}

}  // namespace openhb::test
