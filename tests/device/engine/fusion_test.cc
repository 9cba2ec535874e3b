// SPDX-License-Identifier: Apache-2.0
// A fused Softmax gives the bytes of its steps, on every kernel row, and there is none where a step, the user
// or the memory plan needs what lies between.
#include "device/engine/fusion.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "device/engine/cpu.h"
#include "device/engine/model.h"
#include "tests/device/engine/sample_programs.h"

namespace openhb::engine {
namespace {

enum class Twist {
  none,
  in_place,
  seen_by_user,
  seen_by_step,
  codes_overwritten,
  half_overlap,
  other_axis,
  log
};

struct Case {
  int64_t rows, length, x_pitch, y_pitch;
  QuantParams x, y;
  Twist twist;
};

Program make_program(const Case& c) {
  testing::ProgramBuilder b("fusion");
  const Shape dims{1, c.rows, c.length};
  const uint32_t x = b.tensor("x", DType::i8, dims, c.x, {}, c.x_pitch);
  const uint32_t values = b.tensor("values", DType::f32, dims), powers = b.tensor("powers", DType::f32, dims);
  const uint32_t y = b.tensor("y", DType::i8, dims, c.y, {}, c.y_pitch);
  const uint32_t a = b.tensor("a", DType::i8, {4, 100}), other = b.tensor("other", DType::i8, {4, 100});
  const uint32_t copy = b.tensor("copy", DType::f32, dims);
  Tensor table(DType::i8, {256});
  for (size_t i = 0; i < 256; ++i) table.data<int8_t>()[i] = static_cast<int8_t>(i * 7);
  const uint32_t constant = b.constant(table);
  b.step(DequantizeParams{}, {x}, values);
  b.step(SoftmaxParams{.axis = c.twist == Twist::other_axis ? 1 : 2, .log = c.twist == Twist::log ? 1 : 0},
         {values}, powers);
  b.step(LutParams{}, {a, constant}, other);
  b.step(QuantizeParams{}, {powers}, y);
  if (c.twist == Twist::seen_by_step) b.step(UnaryParams{UnaryFunction::neg}, {powers}, copy), b.output(copy);
  if (c.twist == Twist::seen_by_user) b.output(powers);
  b.input(x), b.input(a), b.output(y), b.output(other);
  Program program = b.finish();
  if (c.twist == Twist::in_place) program.tensors[y].offset = program.tensors[x].offset;
  if (c.twist == Twist::codes_overwritten) program.tensors[other].offset = program.tensors[x].offset;
  if (c.twist == Twist::half_overlap) program.tensors[y].offset = program.tensors[x].offset + 64;
  return program;
}

std::vector<std::byte> run(const std::shared_ptr<const Model>& model, SessionOptions options, bool fused,
                           uint32_t seed) {
  Session session(model, options);
  if (!fused) session.set_hook([](size_t) {});
  std::mt19937 random(seed);
  const int span = 1 << random() % 9;  // few different codes, or all
  for (size_t i = 0; i < model->program().inputs.size(); ++i)
    for (std::byte& b : session.input(i))
      b = static_cast<std::byte>(static_cast<int>(random() % static_cast<unsigned>(span)) - span / 2);
  session.run();
  std::vector<std::byte> all;
  for (size_t i = 0; i < model->program().outputs.size(); ++i) {
    const TensorDesc& t = model->program().tensors[model->program().outputs[i].tensor];
    Tensor dense(t.dtype, t.logical_shape());
    load_tensor(t, session.output(i).data(), dense.bytes());
    all.insert(all.end(), dense.bytes().begin(), dense.bytes().end());
  }
  return all;
}

TEST(Fusion, GivesTheBytesOfItsSteps) {
  const uint32_t first = std::random_device{}();
  for (uint32_t seed = first; seed != first + 60; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    std::mt19937 random(seed);
    const auto pick = [&](int64_t low, int64_t high) {
      return low + static_cast<int64_t>(random() % static_cast<uint64_t>(high - low + 1));
    };
    Case c{};
    c.rows = pick(1, 9), c.length = pick(500, 700);
    c.x_pitch = c.length + pick(0, 3), c.y_pitch = c.length + pick(0, 70);
    const auto zero = [&] { return static_cast<int32_t>(pick(-128, 127)); };
    c.x = {{std::ldexp(static_cast<float>(pick(1, 100)), static_cast<int>(pick(-12, 0)))}, {zero()}, -1};
    c.y = {{pick(0, 1) == 0 ? 1.0f / 256 : 1e-3f * static_cast<float>(pick(1, 100))},
           {pick(0, 1) == 0 ? -128 : zero()},
           -1};
    c.twist = static_cast<Twist>(pick(0, 7));
    if (c.twist == Twist::in_place) c.y_pitch = c.x_pitch;
    const auto model = Model::create(make_program(c));
    const bool fuses = c.length >= 512 && (c.twist == Twist::none || c.twist == Twist::in_place);
    EXPECT_EQ(find_softmax_fusions(model->program()).size(), fuses ? 1u : 0u)
        << "length " << c.length << " twist " << static_cast<int>(c.twist);
    const auto expected = run(model, {.threads = 1}, false, seed);
    for (const std::string& level : runnable_isa_levels())
      for (const int threads : {1, 3})
        ASSERT_EQ(run(model, {.threads = threads, .cpu = isa_level(level)}, true, seed), expected)
            << level << ", " << threads << " threads";
  }
}

TEST(Fusion, TimesGoToTheSoftmax) {
  const Case c{4, 600, 600, 600, {{0.1f}, {0}, -1}, {{1.0f / 256}, {-128}, -1}, Twist::none};
  Session session(Model::create(make_program(c)));
  session.enable_profile(true);
  session.run();
  for (const StepTime& time : session.profile()) EXPECT_EQ(time.runs, 1u);
  EXPECT_GT(session.profile().at(1).total_ns, session.profile().at(0).total_ns);
}

}  // namespace
}  // namespace openhb::engine
