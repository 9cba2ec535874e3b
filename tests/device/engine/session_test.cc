// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <random>
#include <thread>

#include "common/io/file.h"
#include "common/program/file.h"
#include "device/engine/model.h"
#include "tests/device/engine/sample_programs.h"

namespace openhb::engine {
namespace {

using testing::ProgramBuilder;

// Random, but finite floats and valid indexes.
void fill_inputs(Session& session, uint32_t seed) {
  std::mt19937 random(seed);
  const Program& program = session.model().program();
  for (size_t i = 0; i < program.inputs.size(); ++i) {
    const TensorDesc& desc = program.tensors[program.inputs[i].tensor];
    Tensor values(desc.dtype, desc.logical_shape());
    if (desc.dtype == DType::f32)
      for (float& v : values.data<float>()) v = static_cast<float>(random() % 1000) / 100.0f - 5.0f;
    else
      for (auto& b : values.bytes()) b = static_cast<std::byte>(random());
    store_tensor(desc, values.bytes(), session.input(i).data());
  }
}

std::vector<std::byte> outputs(Session& session) {
  std::vector<std::byte> all;
  const Program& program = session.model().program();
  for (size_t i = 0; i < program.outputs.size(); ++i) {
    const TensorDesc& desc = program.tensors[program.outputs[i].tensor];
    Tensor values(desc.dtype, desc.logical_shape());
    load_tensor(desc, session.output(i).data(), values.bytes());
    all.insert(all.end(), values.bytes().begin(), values.bytes().end());
  }
  return all;
}

std::vector<std::byte> run(std::shared_ptr<const Model> model, SessionOptions options, uint32_t seed) {
  Session session(std::move(model), options);
  fill_inputs(session, seed);
  session.run();
  return outputs(session);
}

// x -> 24 large unary steps: enough work for several threads and to be interrupted.
Program long_network() {
  ProgramBuilder b("long_network");
  uint32_t x = b.tensor("x", DType::f32, {64, 1000});
  b.input(x);
  for (int i = 0; i < 24; ++i) {
    const uint32_t y = b.tensor(fmt::format("y{}", i), DType::f32, {64, 1000});
    b.step(UnaryParams{.function = i % 2 == 0 ? UnaryFunction::tanh : UnaryFunction::exp}, {x}, y);
    x = y;
  }
  b.output(x);
  return b.finish();
}

TEST(Session, SamplesRunAlikeOnAllThreadsAndInstructionSets) {
  auto programs = testing::sample_programs();
  programs.push_back(long_network());
  for (Program& program : programs) {
    SCOPED_TRACE(program.name);
    const auto model = Model::create(std::move(program));
    for (uint32_t seed = 0; seed < 3; ++seed) {
      const auto expected = run(model, {.threads = 1, .cpu = 0}, seed);
      EXPECT_FALSE(expected.empty());
      for (const std::string& level : runnable_isa_levels())
        for (int threads : {1, 2, 3})
          EXPECT_EQ(run(model, {.threads = threads, .cpu = isa_level(level)}, seed), expected)
              << level << ", " << threads << " threads";
    }
  }
}

TEST(Session, RunsAgainWithTheSameResult) {
  Session session(Model::create(testing::quantized_network()), {.threads = 2});
  fill_inputs(session, 1);
  session.run();
  const auto first = outputs(session);
  fill_inputs(session, 2);
  session.run();
  EXPECT_NE(outputs(session), first);
  fill_inputs(session, 1);
  session.run();
  EXPECT_EQ(outputs(session), first);
}

TEST(Session, AProgramFromItsFileGivesTheSame) {
  const std::string path = ::testing::TempDir() + "openhb_session_test.bin";
  for (Program& program : testing::sample_programs()) {
    write_program(path, program);
    const auto opened = Model::open(path);
    EXPECT_EQ(run(opened, {}, 5), run(Model::create(std::move(program)), {}, 5));
  }
}

TEST(Session, SessionsOfOneModelRunAtTheSameTime) {
  const auto model = Model::create(testing::float_network());
  const auto expected = run(model, {}, 9);
  std::vector<std::thread> threads;
  std::atomic<int> equal = 0;
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&] {
      for (int k = 0; k < 10; ++k) equal += run(model, {.threads = 2}, 9) == expected;
    });
  for (auto& t : threads) t.join();
  EXPECT_EQ(equal, 30);
}

TEST(Session, HookSeesEveryStepInOrder) {
  Session session(Model::create(testing::float_network()));
  std::vector<size_t> seen;
  session.set_hook([&](size_t step) { seen.push_back(step); });
  session.run();
  EXPECT_EQ(seen, (std::vector<size_t>{0, 1, 2, 3, 4, 5, 6, 7}));
  session.set_hook([](size_t) { throw std::runtime_error("stop"); });
  EXPECT_THROW(session.run(), std::runtime_error);
  session.set_hook({});
  session.run();
}

TEST(Session, CancelStopsAtTheNextStepOnce) {
  for (int threads : {1, 2}) {
    Session session(Model::create(long_network()), {.threads = threads});
    fill_inputs(session, 1);
    size_t steps = 0;
    session.set_hook([&](size_t step) {
      ++steps;
      if (step == 3) session.cancel();
    });
    session.run();
    EXPECT_EQ(steps, 4u);
    session.set_hook([&](size_t) { ++steps; });
    session.run();
    EXPECT_EQ(steps, 28u);
    session.cancel();  // before the run: not lost
    session.run();
    EXPECT_EQ(steps, 28u);
  }
}

TEST(Session, CancelFromAnotherThread) {
  Session session(Model::create(long_network()), {.threads = 2});
  std::atomic<bool> started = false;
  session.set_hook([&](size_t) { started = true; });
  std::thread canceller([&] {
    while (!started) std::this_thread::yield();
    session.cancel();
  });
  session.run();
  canceller.join();
}

TEST(Session, ProfileCountsRuns) {
  Session session(Model::create(testing::float_network()));
  session.run();
  EXPECT_EQ(session.profile().at(0).runs, 0u);
  session.enable_profile(true);
  session.run();
  session.run();
  for (const StepTime& time : session.profile()) {
    EXPECT_EQ(time.runs, 2u);
    EXPECT_LE(time.min_ns, time.max_ns);
    EXPECT_EQ(time.total_ns, time.min_ns + time.max_ns);
  }
  EXPECT_NE(session.row(0), nullptr);
}

TEST(Session, ImpossibleOptions) {
  const auto model = Model::create(testing::float_network());
  EXPECT_THROW(Session(model, {.threads = 0}), Error);
  EXPECT_THROW(Session(model, {.threads = 100000}), Error);
}

TEST(Session, MoreMemoryThanTheMachineHasIsAnError) {
  Program program = testing::float_network();
  program.arena_size = uint64_t{16} << 30;
  const auto model = Model::create(std::move(program));
  const uint64_t machine =
      static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  if (machine >= uint64_t{16} << 30) GTEST_SKIP() << "this machine has more than 16 GiB";
  EXPECT_THROW(Session(model, {}), Error);
}

TEST(Model, RefusesAStepThatDoesNotFitItsTensors) {
  Program program = testing::float_network();
  program.tensors[program.outputs[0].tensor].dims[1] = 4;
  try {
    Model::create(std::move(program));
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::program_step) << e.what();
  }
}

TEST(Model, KnowsTheWork) {
  const auto model = Model::create(testing::float_network());
  EXPECT_EQ(model->cost(0).macs, 9 * 7 * 8 * 9 * 4);
  EXPECT_GT(model->cost(0).bytes, 0);
}

}  // namespace
}  // namespace openhb::engine
