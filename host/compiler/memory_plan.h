// SPDX-License-Identifier: Apache-2.0
// Where tensors live in the arena: offsets such that tensors alive at the same time never overlap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace openhb::compiler {

struct Lifetime {
  int32_t first, last;  // steps, inclusive
  uint64_t size;        // bytes
};

struct MemoryPlan {
  std::vector<uint64_t> offsets;
  uint64_t size = 0;         // of the arena, slack included
  uint64_t lower_bound = 0;  // the largest sum of sizes alive at one step
};

// Greedy: each tensor takes the lowest aligned gap among those alive with it. The best of several orders:
// largest first, longest and largest first, in order of time; or only the first `orders` of them.
inline constexpr size_t kPlanOrders = 4;
MemoryPlan plan_memory(const std::vector<Lifetime>& tensors, size_t orders = kPlanOrders);

// Looks for a smaller plan: tensors at the top of the arena are placed earlier, `tries` times or until the
// lower bound is reached. The same tries with the same seed.
MemoryPlan improve_plan(const std::vector<Lifetime>& tensors, MemoryPlan plan, size_t tries, uint64_t seed);

// The largest sum of aligned sizes alive at one step.
uint64_t lower_bound(const std::vector<Lifetime>& tensors);

}  // namespace openhb::compiler
