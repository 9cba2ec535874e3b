// SPDX-License-Identifier: Apache-2.0
#include "host/compiler/memory_plan.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "common/program/program.h"

namespace openhb::compiler {

MemoryPlan plan_memory(const std::vector<Lifetime>& tensors) {
  auto aligned = [](uint64_t n) { return (n + kTensorAlignment - 1) / kTensorAlignment * kTensorAlignment; };
  std::vector<size_t> by_size(tensors.size());
  std::iota(by_size.begin(), by_size.end(), size_t{0});
  std::sort(by_size.begin(), by_size.end(), [&](size_t a, size_t b) {
    return tensors[a].size != tensors[b].size ? tensors[a].size > tensors[b].size : a < b;
  });

  MemoryPlan plan;
  plan.offsets.assign(tensors.size(), 0);
  std::vector<size_t> placed;  // by offset
  for (size_t t : by_size) {
    uint64_t offset = 0;
    const uint64_t size = aligned(std::max<uint64_t>(tensors[t].size, 1));
    for (size_t other : placed) {
      if (tensors[other].last < tensors[t].first || tensors[t].last < tensors[other].first) continue;
      if (plan.offsets[other] >= offset + size) break;
      offset = std::max(offset, plan.offsets[other] + aligned(std::max<uint64_t>(tensors[other].size, 1)));
    }
    plan.offsets[t] = offset;
    plan.size = std::max(plan.size, offset + size);
    placed.insert(std::upper_bound(placed.begin(), placed.end(), t,
                                   [&](size_t a, size_t b) { return plan.offsets[a] < plan.offsets[b]; }),
                  t);
  }
  std::map<int32_t, int64_t> change;
  for (const Lifetime& l : tensors) {
    change[l.first] += static_cast<int64_t>(aligned(l.size));
    change[l.last + 1] -= static_cast<int64_t>(aligned(l.size));
  }
  int64_t alive = 0;
  for (const auto& [step, delta] : change) {
    alive += delta;
    plan.lower_bound = std::max(plan.lower_bound, static_cast<uint64_t>(alive));
  }
  plan.size += kReadSlack;
  return plan;
}

}  // namespace openhb::compiler
