// SPDX-License-Identifier: Apache-2.0
#include "host/compiler/unread.h"

#include <algorithm>

#include "device/engine/chain.h"

namespace openhb::compiler {

std::vector<Lifetime> lifetimes(const Draft& draft, const std::vector<bool>& without) {
  const Program& p = draft.program;
  const auto last_step = static_cast<int32_t>(p.steps.size());
  std::vector<Lifetime> result(p.tensors.size(), Lifetime{last_step, -1, 0});
  auto touch = [&](TensorId id, int32_t first, int32_t last) {
    Lifetime& l = result[draft.root(id)];
    l.first = std::min(l.first, first), l.last = std::max(l.last, last);
  };
  for (int32_t s = 0; s < last_step; ++s) {
    const auto i = static_cast<size_t>(s);
    if (i < without.size() && without[i]) continue;
    for (const auto* list : {&p.steps[i].inputs, &p.steps[i].outputs})
      for (TensorId id : *list) touch(id, s, s);
  }
  for (const auto& in : p.inputs) touch(in.tensor, -1, last_step);
  for (const auto& out : p.outputs) touch(out.tensor, last_step, last_step);
  for (TensorId id = 0; id < result.size(); ++id) {
    if (draft.root(id) != id || draft.is_constant(id))
      result[id] = {0, -1, 0};
    else
      result[id].size = static_cast<uint64_t>(p.tensors[id].byte_extent());
  }
  return result;
}

void drop_unread_steps(Draft& draft) {
  auto& steps = draft.program.steps;
  std::vector<int> reads(draft.program.tensors.size(), 0);
  for (const Step& step : steps)
    for (TensorId id : step.inputs) ++reads[draft.root(id)];
  for (const auto& out : draft.program.outputs) ++reads[draft.root(out.tensor)];
  std::vector<Step> kept;
  for (size_t s = steps.size(); s-- > 0;) {
    Step& step = steps[s];
    if (std::any_of(step.outputs.begin(), step.outputs.end(),
                    [&](TensorId id) { return reads[draft.root(id)] > 0; }))
      kept.push_back(std::move(step));
    else
      for (TensorId id : step.inputs) --reads[draft.root(id)];
  }
  std::reverse(kept.begin(), kept.end());
  steps = std::move(kept);
}

namespace {

// Offsets of all tensors from those of the roots; constants have theirs.
void set_offsets(Draft& draft, const std::vector<uint64_t>& of_root) {
  auto& tensors = draft.program.tensors;
  for (TensorId id = 0; id < tensors.size(); ++id) {
    const TensorId root = draft.root(id);
    if (!draft.is_constant(id))
      tensors[id].offset = of_root[root] + draft.places[id].offset;
    else if (root != id)
      tensors[id].offset = tensors[root].offset + draft.places[id].offset;
  }
}

// What the steps of a chain touch stays until its end, where the bound allows it: the engine runs a chain
// strip by strip only if none of its steps overwrites what another one reads.
void keep_chains(Draft& draft, std::vector<Lifetime>& alive, uint64_t bound) {
  std::vector<uint64_t> apart(alive.size(), 0);
  uint64_t end = 0;
  for (size_t id = 0; id < alive.size(); ++id) apart[id] = end, end += alive[id].size;
  set_offsets(draft, apart);
  for (const engine::Chain& chain : engine::find_chains(draft.program)) {
    if (chain.rows == 0) continue;
    std::vector<Lifetime> longer = alive;
    for (size_t s = chain.first; s < chain.last; ++s)
      for (const auto* list : {&draft.program.steps[s].inputs, &draft.program.steps[s].outputs})
        for (TensorId id : *list) {
          if (draft.is_constant(id)) continue;
          Lifetime& l = longer[draft.root(id)];
          l.first = std::min(l.first, static_cast<int32_t>(chain.first));
          l.last = std::max(l.last, static_cast<int32_t>(chain.last) - 1);
        }
    if (lower_bound(longer) <= bound) alive = std::move(longer);
  }
}

}  // namespace

void plan_arena(Draft& draft, const PlanOptions& options) {
  std::vector<Lifetime> alive = lifetimes(draft);
  const uint64_t bound = lower_bound(alive);
  if (options.chain_room >= 0)
    keep_chains(draft, alive, static_cast<uint64_t>(static_cast<double>(bound) * (1 + options.chain_room)));
  std::vector<Lifetime> used;
  std::vector<TensorId> roots;
  for (TensorId id = 0; id < alive.size(); ++id)
    if (alive[id].first <= alive[id].last) used.push_back(alive[id]), roots.push_back(id);
  MemoryPlan plan = plan_memory(used, options.orders);
  if (options.improvements > 0)
    plan = improve_plan(used, std::move(plan), options.improvements, options.seed);
  std::vector<uint64_t> offsets(alive.size(), 0);
  for (size_t i = 0; i < roots.size(); ++i) offsets[roots[i]] = plan.offsets[i];
  set_offsets(draft, offsets);
  draft.program.arena_size = plan.size;
  draft.program.properties["arena_lower_bound"] = std::to_string(bound);
}

}  // namespace openhb::compiler
