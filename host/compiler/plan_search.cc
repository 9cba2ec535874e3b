// SPDX-License-Identifier: Apache-2.0
#include "host/compiler/plan_search.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <limits>
#include <optional>
#include <thread>
#include <tuple>

#include "host/compiler/estimate.h"
#include "host/compiler/random.h"

namespace openhb::compiler {
namespace {

constexpr double kUnlimited = 1e9;
// Shares of the lower bound that chains may add to it. The first is the plan that others are compared with.
constexpr std::array<double, 6> kChainRooms{0, -1, 0.0625, 0.125, 0.25, kUnlimited};

// Estimates are not exact: even who only wants speed does not pay 19 % of memory for less than 1 % of time.
constexpr double kMostLatency = 0.95;

// Independent searches, so that they can share the work without the threads' order deciding anything.
constexpr size_t kSearches = 8;
// Plans of one search: as much work for a large network as for a small one, within limits.
constexpr size_t kStepsPlanned = 40'000, kLeastPlans = 60, kMostPlans = 600;
constexpr size_t kImprovements = 2'000;  // at the end, of the best plan's places

class Judge {
 public:
  Judge(PlanCost usual, Objective objective) : usual_(usual), latency_(kMostLatency * objective.latency) {}
  // Lexicographic: the objective, then what it leaves out.
  std::tuple<double, double> operator()(const PlanCost& cost) const {
    const double cycles = cost.cycles / std::max(usual_.cycles, 1.0);
    const double arena =
        static_cast<double>(cost.arena) / static_cast<double>(std::max<uint64_t>(usual_.arena, 1));
    return {latency_ * cycles + (1 - latency_) * arena, cycles + arena};
  }

 private:
  PlanCost usual_;
  double latency_;
};

PlanCost plan(Draft& draft, const PlanOptions& options) {
  plan_arena(draft, options);
  return cost_of(draft.program);
}

// Steps that may change places.
class Reordering {
 public:
  explicit Reordering(Draft& draft) : draft_(draft) {
    for (const Step& step : draft.program.steps) {
      Access a{step.backend, step.subgraph, {}, {}};
      for (TensorId id : step.inputs)
        if (!draft.is_constant(id)) a.reads.push_back(draft.root(id));
      for (TensorId id : step.outputs) a.writes.push_back(draft.root(id));
      access_.push_back(std::move(a));
    }
  }

  // Moves a random step to a random place where it may be; false when it cannot move.
  bool move(Random& random) {
    const size_t n = access_.size();
    from_ = random.below(n);
    size_t first = from_, last = from_;
    while (first > 0 && commute(access_[first - 1], access_[from_])) --first;
    while (last + 1 < n && commute(access_[last + 1], access_[from_])) ++last;
    if (first == last) return false;
    to_ = first + random.below(last - first);
    if (to_ >= from_) ++to_;
    shift(from_, to_);
    return true;
  }
  void undo() { shift(to_, from_); }

 private:
  struct Access {
    Backend backend;
    int32_t subgraph;
    std::vector<TensorId> reads, writes;  // roots
  };

  static bool meet(const std::vector<TensorId>& a, const std::vector<TensorId>& b) {
    return std::any_of(a.begin(), a.end(),
                       [&](TensorId id) { return std::find(b.begin(), b.end(), id) != b.end(); });
  }
  // Subgraphs stay runs of steps.
  static bool commute(const Access& a, const Access& b) {
    return a.backend == b.backend && a.subgraph == b.subgraph && !meet(a.writes, b.writes) &&
           !meet(a.reads, b.writes) && !meet(a.writes, b.reads);
  }
  template <class T>
  static void shift(std::vector<T>& items, size_t from, size_t to) {
    const auto at = [&](size_t i) { return items.begin() + static_cast<std::ptrdiff_t>(i); };
    if (from < to)
      std::rotate(at(from), at(from + 1), at(to + 1));
    else
      std::rotate(at(to), at(from), at(from + 1));
  }
  void shift(size_t from, size_t to) {
    shift(draft_.program.steps, from, to);
    shift(access_, from, to);
  }

  Draft& draft_;
  std::vector<Access> access_;
  size_t from_ = 0, to_ = 0;
};

struct Found {
  Draft draft;
  PlanCost cost;
  PlanOptions options;
  size_t plans = 0;
};

// Keeps every change that is no worse.
Found search(Draft draft, const Judge& judge, const PlanOptions& usual, uint64_t seed) {
  Random random(seed);
  Reordering reordering(draft);
  const size_t steps = std::max<size_t>(draft.program.steps.size(), 1);
  const size_t plans = std::clamp(kStepsPlanned / steps, kLeastPlans, kMostPlans);
  PlanOptions options = usual;
  PlanCost cost = plan(draft, options);
  Found best{draft, cost, options, plans};
  for (size_t i = 0; i < plans && draft.program.steps.size() > 1; ++i) {
    const PlanOptions before = options;
    bool moved = false;
    if (i % 8 == 7)
      options.chain_room = kChainRooms[random.below(kChainRooms.size())];
    else
      moved = reordering.move(random);
    const PlanCost tried = plan(draft, options);
    if (judge(tried) <= judge(cost)) {
      if (judge(tried) < judge(best.cost)) best = {draft, tried, options, plans};
      cost = tried;
      continue;
    }
    options = before;
    if (moved) reordering.undo();
  }
  return best;
}

}  // namespace

PlanCost cost_of(const Program& program) {
  return {total(estimate_steps(program)).cycles, program.arena_size};
}

namespace {
struct Chosen {
  PlanCost usual, best;
  PlanOptions options;
};
Chosen choose(Draft& draft, Objective objective) {
  const PlanCost usual = plan(draft, {});
  const Judge judge(usual, objective);
  Chosen chosen{usual, usual, {}};
  for (const double room : kChainRooms) {
    const PlanOptions options{.chain_room = room};
    const PlanCost cost = plan(draft, options);
    if (judge(cost) < judge(chosen.best)) chosen.best = cost, chosen.options = options;
  }
  plan(draft, chosen.options);
  return chosen;
}
}  // namespace

PlanCost choose_plan(Draft& draft, Objective objective) { return choose(draft, objective).best; }

SearchResult search_plan(Draft& draft, Objective objective, int jobs) {
  const Chosen start = choose(draft, objective);
  const Judge judge(start.usual, objective);
  std::array<std::optional<Found>, kSearches> found;
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i = next++; i < kSearches; i = next++) found[i] = search(draft, judge, start.options, i + 1);
  };
  std::vector<std::jthread> threads;
  for (int i = 1; i < jobs; ++i) threads.emplace_back(work);
  work();
  threads.clear();
  SearchResult result{start.best, start.best, 0};
  size_t best = 0;
  for (size_t i = 0; i < kSearches; ++i) {
    result.plans += found[i]->plans;
    if (judge(found[i]->cost) < judge(found[best]->cost)) best = i;
  }
  draft = std::move(found[best]->draft);
  result.after = found[best]->cost;
  PlanOptions polished = found[best]->options;
  polished.improvements = kImprovements;
  Draft tighter = draft;
  if (const PlanCost cost = plan(tighter, polished); judge(cost) < judge(result.after))
    draft = std::move(tighter), result.after = cost;
  return result;
}

}  // namespace openhb::compiler
