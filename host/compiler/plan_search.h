// SPDX-License-Identifier: Apache-2.0
// Choices that change what a program costs and not what it computes: the order of its steps, which chains of
// them run strip by strip, and where tensors lie.
#pragma once

#include "host/compiler/draft.h"

namespace openhb::compiler {

// What a plan costs, as the compiler sees it.
struct PlanCost {
  double cycles = 0;   // estimated (estimate.h)
  uint64_t arena = 0;  // bytes
};
PlanCost cost_of(const Program& program);

// What is minimised: w * cycles + (1 - w) * arena, both in shares of the plan that chains do not cost memory
// in, with w = 0.95 * latency; of equal plans the one with the least sum.
struct Objective {
  double latency = 1;  // 0 to 1
};

// Plans the arena in the few ways that do not need a search, and keeps the best one. Returns its cost.
PlanCost choose_plan(Draft& draft, Objective objective);

struct SearchResult {
  PlanCost before, after;
  size_t plans = 0;  // that were made and compared
};
// Starts there and looks further: steps change places where neither reads or overwrites what the other one
// writes, chains get more or less room, tensors other places. `jobs` threads; the result does not depend on
// their number. Takes some seconds for a large network.
SearchResult search_plan(Draft& draft, Objective objective, int jobs);

}  // namespace openhb::compiler
