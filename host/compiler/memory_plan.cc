// SPDX-License-Identifier: Apache-2.0
#include "host/compiler/memory_plan.h"

#include <algorithm>
#include <array>
#include <map>
#include <numeric>
#include <span>

#include "common/program/program.h"
#include "host/compiler/random.h"

namespace openhb::compiler {
namespace {

uint64_t aligned(uint64_t n) { return (n + kTensorAlignment - 1) / kTensorAlignment * kTensorAlignment; }
uint64_t room_for(const Lifetime& t) { return aligned(std::max<uint64_t>(t.size, 1)); }

MemoryPlan plan_in_order(const std::vector<Lifetime>& tensors, const std::vector<size_t>& order) {
  MemoryPlan plan;
  plan.offsets.assign(tensors.size(), 0);
  std::vector<size_t> placed;  // by offset
  for (size_t t : order) {
    uint64_t offset = 0;
    const uint64_t size = room_for(tensors[t]);
    for (size_t other : placed) {
      if (tensors[other].last < tensors[t].first || tensors[t].last < tensors[other].first) continue;
      if (plan.offsets[other] >= offset + size) break;
      offset = std::max(offset, plan.offsets[other] + room_for(tensors[other]));
    }
    plan.offsets[t] = offset;
    plan.size = std::max(plan.size, offset + size);
    placed.insert(std::upper_bound(placed.begin(), placed.end(), t,
                                   [&](size_t a, size_t b) { return plan.offsets[a] < plan.offsets[b]; }),
                  t);
  }
  return plan;
}

}  // namespace

uint64_t lower_bound(const std::vector<Lifetime>& tensors) {
  std::map<int32_t, int64_t> change;
  for (const Lifetime& l : tensors) {
    if (l.first > l.last) continue;
    change[l.first] += static_cast<int64_t>(aligned(l.size));
    change[l.last + 1] -= static_cast<int64_t>(aligned(l.size));
  }
  int64_t alive = 0, most = 0;
  for (const auto& [step, delta] : change) most = std::max(most, alive += delta);
  return static_cast<uint64_t>(most);
}

MemoryPlan plan_memory(const std::vector<Lifetime>& tensors, size_t orders) {
  using Key = double (*)(double size, double first, double last);
  static constexpr std::array<Key, kPlanOrders> kKeys{
      [](double size, double, double) { return size; },
      [](double size, double first, double last) { return size * (last - first + 1); },
      [](double, double first, double) { return -first; }, [](double, double, double last) { return last; }};
  MemoryPlan best;
  best.lower_bound = lower_bound(tensors);
  for (const Key key : std::span(kKeys).first(orders)) {
    std::vector<double> keys;
    for (const Lifetime& t : tensors) keys.push_back(key(static_cast<double>(t.size), t.first, t.last));
    std::vector<size_t> order(tensors.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      if (keys[a] != keys[b]) return keys[a] > keys[b];
      return tensors[a].size != tensors[b].size ? tensors[a].size > tensors[b].size : a < b;
    });
    MemoryPlan plan = plan_in_order(tensors, order);
    if (!best.offsets.empty() && plan.size >= best.size) continue;
    best.offsets = std::move(plan.offsets), best.size = plan.size;
  }
  best.size += kReadSlack;
  return best;
}

MemoryPlan improve_plan(const std::vector<Lifetime>& tensors, MemoryPlan plan, size_t tries, uint64_t seed) {
  std::vector<size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return plan.offsets[a] != plan.offsets[b] ? plan.offsets[a] < plan.offsets[b] : a < b;
  });
  Random random(seed);
  for (size_t i = 0; i < tries && plan.size > plan.lower_bound + kReadSlack; ++i) {
    // What ends highest goes before a tensor that was placed earlier.
    size_t top = 0;
    const auto end = [&](size_t at) { return plan.offsets[order[at]] + room_for(tensors[order[at]]); };
    for (size_t at = 1; at < order.size(); ++at)
      if (end(at) > end(top)) top = at;
    if (i % 4 == 3) top = random.below(order.size());
    if (top == 0) continue;
    const size_t to = random.below(top);
    const auto first = order.begin() + static_cast<std::ptrdiff_t>(to);
    const auto last = order.begin() + static_cast<std::ptrdiff_t>(top);
    std::rotate(first, last, last + 1);
    MemoryPlan tried = plan_in_order(tensors, order);
    tried.size += kReadSlack;
    if (tried.size <= plan.size)
      plan.offsets = std::move(tried.offsets), plan.size = tried.size;
    else
      std::rotate(first, first + 1, last + 1);
  }
  return plan;
}

}  // namespace openhb::compiler
