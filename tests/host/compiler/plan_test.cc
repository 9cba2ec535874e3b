// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "common/program/program.h"
#include "host/compiler/memory_plan.h"

namespace openhb::compiler {
namespace {

uint64_t aligned(uint64_t n) { return (n + kTensorAlignment - 1) / kTensorAlignment * kTensorAlignment; }

// No two tensors that are alive at the same time overlap. Returns where the last one ends.
uint64_t expect_apart(const std::vector<Lifetime>& tensors, const MemoryPlan& plan) {
  uint64_t end = 0;
  for (size_t a = 0; a < tensors.size(); ++a) {
    EXPECT_EQ(plan.offsets[a] % kTensorAlignment, 0u);
    end = std::max(end, plan.offsets[a] + tensors[a].size);
    for (size_t b = 0; b < a; ++b) {
      if (tensors[a].last < tensors[b].first || tensors[b].last < tensors[a].first) continue;
      EXPECT_TRUE(plan.offsets[a] + tensors[a].size <= plan.offsets[b] ||
                  plan.offsets[b] + tensors[b].size <= plan.offsets[a])
          << a << " and " << b;
    }
  }
  return end;
}

TEST(MemoryPlanTest, TensorsAliveTogetherNeverOverlap) {
  size_t improved = 0;
  for (uint32_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    auto pick = [&](int lo, int hi) { return std::uniform_int_distribution<int>(lo, hi)(random); };
    std::vector<Lifetime> tensors(static_cast<size_t>(pick(0, 60)));
    for (Lifetime& t : tensors) {
      t.first = pick(-1, 30);
      t.last = t.first + pick(0, pick(0, 3) ? 3 : 30);
      t.size = static_cast<uint64_t>(pick(0, 9) ? pick(1, 5000) : 0);
    }
    const MemoryPlan plan = plan_memory(tensors);
    ASSERT_EQ(plan.offsets.size(), tensors.size());
    const uint64_t end = expect_apart(tensors, plan);
    uint64_t bound = 0;
    for (int step = -1; step <= 61; ++step) {
      uint64_t alive = 0;
      for (const Lifetime& t : tensors)
        if (t.first <= step && step <= t.last) alive += aligned(t.size);
      bound = std::max(bound, alive);
    }
    EXPECT_EQ(plan.lower_bound, bound);
    EXPECT_GE(plan.size, bound + kReadSlack);
    EXPECT_GE(plan.size, end + kReadSlack);
    const MemoryPlan again = plan_memory(tensors);
    EXPECT_EQ(again.offsets, plan.offsets);
    EXPECT_EQ(again.size, plan.size);

    EXPECT_GE(plan_memory(tensors, 1).size, plan.size);
    const MemoryPlan better = improve_plan(tensors, plan, 100, seed);
    EXPECT_LE(better.size, plan.size);
    EXPECT_LE(expect_apart(tensors, better) + kReadSlack, better.size);
    EXPECT_EQ(improve_plan(tensors, plan, 100, seed).offsets, better.offsets);
    improved += better.size < plan.size;
  }
  EXPECT_GT(improved, 10u);
}

TEST(MemoryPlanTest, AChainOfEqualTensorsTakesTwo) {
  std::vector<Lifetime> chain;
  for (int32_t i = 0; i < 20; ++i) chain.push_back({i, i + 1, 640});
  EXPECT_EQ(plan_memory(chain).size, 2 * 640 + kReadSlack);
}

}  // namespace
}  // namespace openhb::compiler
