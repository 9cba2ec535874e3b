// SPDX-License-Identifier: Apache-2.0
// What the fuzzer does, for a moment and in every build: changed programs are refused or run in their memory.
#include <gtest/gtest.h>

#include "device/engine/model.h"
#include "tests/device/engine/sample_programs.h"
#include "tests/fuzz/mutate_program.h"

namespace openhb::engine {
namespace {

TEST(HostileProgram, IsRefusedOrRuns) {
  constexpr uint64_t kMaxArena = 1u << 20;
  constexpr int64_t kMaxWork = 2'000'000;
  std::mt19937 random(1);
  int ran = 0, refused = 0;
  for (int round = 0; round < 3000; ++round)
    for (Program& program : testing::sample_programs()) {
      testing::mutate_program(program, random);
      try {
        const auto model = Model::create(std::move(program));
        bool small = model->program().arena_size <= kMaxArena;
        for (size_t i = 0; i < model->program().steps.size(); ++i)
          small = small && model->cost(i).macs <= kMaxWork && model->cost(i).bytes <= kMaxWork;
        if (!small) continue;
        Session(model, {.cpu = round % 2 == 0 ? usable_cpu() : CpuFeatures{0}}).run();
        ++ran;
      } catch (const Error&) {
        ++refused;
      }
    }
  EXPECT_GT(ran, 100);
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace openhb::engine
