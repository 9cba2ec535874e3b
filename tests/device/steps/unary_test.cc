// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/elementwise/unary.h"

#include "common/math/functions.h"
#include "device/kernels/elementwise/lut.h"
#include "tests/device/steps/harness.h"

namespace openhb::test {
namespace {

// The step is its definition, on every row; the definition itself is measured in math_test.cc.
TEST(Unary, EqualsItsDefinition) {
  for (int f = 0; f < math::kUnaryFunctions; ++f)
    for (int round = 0; round < 6; ++round) {
      StepCase<UnaryParams> c;
      c.params = {static_cast<UnaryFunction>(f), random_float(-1, 1), random_float(0, 2)};
      Shape shape = random_shape(static_cast<size_t>(random_int(0, 4)), 4);
      if (!shape.empty()) shape.back() = random_int(1, 500);
      Tensor x = random_tensor(DType::f32, shape, 20.0f);
      if (round % 2 == 0)
        for (float& v : x.data<float>()) v = any_float();
      Tensor expected = x;
      for (float& v : expected.data<float>())
        v = math::evaluate_unary_f32(c.params.function, v, c.params.alpha, c.params.beta);
      c.input(x, {}, random_int(0, 3)), c.output(DType::f32, shape, {}, random_int(0, 3));
      expect_same<float>(expected, c.run_everywhere(), "function " + std::to_string(f));
    }
}

TEST(Unary, InPlace) {
  StepCase<UnaryParams> c;
  c.params.function = UnaryFunction::sigmoid;
  const Tensor x = random_tensor(DType::f32, {5, 211});
  c.input(x), c.output(DType::f32, {5, 211});
  c.validate();
  c.program.steps[0].outputs = c.program.steps[0].inputs;
  Tensor expected = x;
  for (float& v : expected.data<float>()) v = math::evaluate_unary_f32(UnaryFunction::sigmoid, v, 0, 0);
  for (const std::string& level : runnable_isa_levels())
    expect_same<float>(expected, c.run(isa_level(level), 3), level);
}

TEST(Unary, RefusesWhatDoesNotFit) {
  const auto make = [](UnaryFunction f, DType from, DType to, const Shape& x, const Shape& y) {
    StepCase<UnaryParams> c;
    c.params.function = f;
    c.input(random_tensor(from, x)), c.output(to, y);
    return c;
  };
  make(static_cast<UnaryFunction>(math::kUnaryFunctions), DType::f32, DType::f32, {3}, {3})
      .expect_invalid("one too many");
  make(static_cast<UnaryFunction>(-1), DType::f32, DType::f32, {3}, {3}).expect_invalid("-1");
  make(UnaryFunction::exp, DType::i8, DType::f32, {3}, {3}).expect_invalid("int8 in");
  make(UnaryFunction::exp, DType::f32, DType::f64, {3}, {3}).expect_invalid("float64 out");
  make(UnaryFunction::exp, DType::f32, DType::f32, {3}, {4}).expect_invalid("other extents");
  make(UnaryFunction::exp, DType::f32, DType::f32, Shape(9, 1), Shape(9, 1)).expect_invalid("rank 9");
  auto pitch = make(UnaryFunction::exp, DType::f32, DType::f32, {2, 3}, {2, 3});
  pitch.in(0).pitch = 2;
  pitch.expect_invalid("rows overlap");
  auto odd = make(UnaryFunction::exp, DType::f32, DType::f32, {3}, {3});
  odd.validate();
  odd.in(0).offset += 2;
  odd.expect_invalid("misaligned");
}

TEST(Lut, LooksUp) {
  for (int round = 0; round < 60; ++round) {
    StepCase<LutParams> c;
    Shape shape = random_shape(static_cast<size_t>(random_int(0, 4)), 5);
    if (!shape.empty() && chance(70)) shape.back() = random_int(1, 400);
    const Tensor x = random_tensor(DType::i8, shape), table = random_tensor(DType::i8, {256});
    Tensor expected = x;
    for (int8_t& v : expected.data<int8_t>()) v = table.data<int8_t>()[static_cast<size_t>(v + 128)];
    c.input(x, {}, random_int(0, 5)), c.constant(table), c.output(DType::i8, shape, {}, random_int(0, 5));
    expect_same<int8_t>(expected, c.run_everywhere(), "lut");
  }
}

TEST(Lut, InPlace) {
  StepCase<LutParams> c;
  const Shape shape{5, 205};
  c.input(random_tensor(DType::i8, shape)), c.constant(random_tensor(DType::i8, {256})),
      c.output(DType::i8, shape);
  const Tensor expected = c.run_everywhere();
  c.program.steps[0].outputs[0] = c.program.steps[0].inputs[0];
  for (const std::string& level : runnable_isa_levels())
    expect_same<int8_t>(expected, c.run(isa_level(level), 1), level);
}

TEST(Lut, RefusesWhatDoesNotFit) {
  const auto make = [](const Shape& table, DType dtype, bool constant) {
    StepCase<LutParams> c;
    c.input(random_tensor(DType::i8, {3}));
    constant ? c.constant(random_tensor(dtype, table)) : c.input(random_tensor(dtype, table));
    c.output(DType::i8, {3});
    return c;
  };
  EXPECT_NO_THROW(make({256}, DType::i8, true).validate());
  make({255}, DType::i8, true).expect_invalid("255 entries");
  make({2, 128}, DType::i8, true).expect_invalid("2-D table");
  make({256}, DType::u8, true).expect_invalid("uint8 table");
  make({256}, DType::i8, false).expect_invalid("computed table");
}

}  // namespace
}  // namespace openhb::test
