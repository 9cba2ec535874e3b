// SPDX-License-Identifier: Apache-2.0
// A tensor that Copy steps put together and one Copy step takes, in another order, to its place: the former
// write there at once.
#include <algorithm>
#include <optional>

#include "host/compiler/draft.h"

namespace openhb::compiler {
namespace {

struct Loop {
  int64_t extent, in, out;
};

// Where a copy's source elements go: the loops by falling source stride, merged where both sides allow it.
// Nothing when a source element may be copied twice or the loops run backwards.
class Target {
 public:
  static std::optional<Target> of(const CopyParams& copy) {
    Target t;
    for (size_t i = 0; i < copy.extent.size(); ++i)
      if (copy.extent[i] != 1) t.loops_.push_back({copy.extent[i], copy.in_strides[i], copy.out_strides[i]});
    std::sort(t.loops_.begin(), t.loops_.end(), [](const Loop& a, const Loop& b) { return a.in > b.in; });
    for (size_t i = t.loops_.size(); i-- > 1;) {
      Loop& outer = t.loops_[i - 1];
      const Loop inner = t.loops_[i];
      if (outer.in != inner.in * inner.extent || outer.out != inner.out * inner.extent) continue;
      outer = {outer.extent * inner.extent, inner.in, inner.out};
      t.loops_.erase(t.loops_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    for (size_t i = 0; i < t.loops_.size(); ++i) {
      const int64_t reach = i + 1 < t.loops_.size() ? t.loops_[i + 1].in * t.loops_[i + 1].extent : 1;
      if (t.loops_[i].in < reach || t.loops_[i].extent < 1) return std::nullopt;
    }
    return t;
  }

  // Rows that only move apart, or together: their producers can write them where they belong.
  bool keeps_rows() const { return loops_.size() <= 2 && (loops_.empty() || loops_.back().out == 1); }

  // `copy`, whose outputs start at `origin` of the source, writes to the target instead; false when it does
  // not stay within the loops.
  bool redirect(CopyParams& copy, int64_t origin) const {
    std::vector<int64_t> room;  // in each loop, behind the elements that are written
    int64_t rest = copy.out_offset + origin, to = 0;
    if (rest < 0) return false;
    for (const Loop& loop : loops_) {
      const int64_t digit = rest / loop.in;
      rest %= loop.in;
      to += digit * loop.out;
      room.push_back(loop.extent - 1 - digit);
    }
    if (rest != 0) return false;
    Shape strides(copy.extent.size(), 0);
    for (size_t k = 0; k < copy.extent.size(); ++k) {
      if (copy.extent[k] == 1) continue;
      const auto fits = [&](const Loop& loop) { return copy.out_strides[k] % loop.in == 0; };
      const auto loop = std::find_if(loops_.begin(), loops_.end(), fits);
      if (loop == loops_.end() || copy.out_strides[k] <= 0) return false;
      const int64_t steps = copy.out_strides[k] / loop->in;
      room[static_cast<size_t>(loop - loops_.begin())] -= steps * (copy.extent[k] - 1);
      strides[k] = steps * loop->out;
    }
    if (std::any_of(room.begin(), room.end(), [](int64_t n) { return n < 0; })) return false;
    copy.out_offset = to, copy.out_strides = std::move(strides);
    return true;
  }

 private:
  std::vector<Loop> loops_;
};

class Composer {
 public:
  explicit Composer(Draft& draft) : draft_(draft), removed_(draft.program.steps.size(), false) {
    fixed_.resize(draft.program.tensors.size(), false);
    users_.resize(fixed_.size());
    for (const auto& in : draft.program.inputs) fixed_[draft.root(in.tensor)] = true;
    for (const auto& out : draft.program.outputs) fixed_[draft.root(out.tensor)] = true;
    for (size_t s = 0; s < steps().size(); ++s)
      for (const auto* list : {&steps()[s].inputs, &steps()[s].outputs})
        for (TensorId id : *list)
          if (auto& u = users_[draft.root(id)]; u.empty() || u.back() != s) u.push_back(s);
    peak_ = lower_bound(lifetimes(draft));
  }

  void run() {
    for (size_t s = 0; s < steps().size(); ++s)
      if (std::holds_alternative<CopyParams>(steps()[s].params)) compose(s);
    size_t kept = 0;
    for (size_t s = 0; s < steps().size(); ++s)
      if (!removed_[s] && kept++ != s) steps()[kept - 1] = std::move(steps()[s]);
    steps().resize(kept);
  }

 private:
  std::vector<Step>& steps() { return draft_.program.steps; }
  int64_t size_of(TensorId id) const { return static_cast<int64_t>(dtype_size(draft_.desc(id).dtype)); }

  // Whether nothing but step `s` touches where it writes, before it does.
  bool target_waits(size_t s, TensorId to) const {
    const auto range = [&](TensorId id) {
      const uint64_t first = draft_.places[id].offset;
      return std::pair(first, first + static_cast<uint64_t>(draft_.desc(id).byte_extent()));
    };
    const auto [first, last] = range(to);
    for (size_t u : users_[draft_.root(to)]) {
      if (u >= s || removed_[u]) continue;
      for (const auto* list : {&draft_.program.steps[u].inputs, &draft_.program.steps[u].outputs})
        for (TensorId id : *list)
          if (draft_.root(id) == draft_.root(to) && range(id).first < last && first < range(id).second)
            return false;
    }
    return true;
  }

  void compose(size_t s) {
    const auto& copy = std::get<CopyParams>(steps()[s].params);
    const TensorId from = steps()[s].inputs[0], to = steps()[s].outputs[0], root = draft_.root(from);
    const auto target = Target::of(copy);
    if (!target || target->keeps_rows() || fixed_[root] || draft_.is_constant(root) ||
        root == draft_.root(to) || !target_waits(s, to))
      return;
    std::vector<std::pair<size_t, CopyParams>> before;
    for (size_t u : users_[root]) {
      if (u == s || removed_[u]) continue;
      const auto* writer = std::get_if<CopyParams>(&steps()[u].params);
      if (u > s || !writer || draft_.root(steps()[u].inputs[0]) == root ||
          draft_.root(steps()[u].inputs[0]) == draft_.root(to) ||
          size_of(steps()[u].outputs[0]) != size_of(from))
        return;
      CopyParams direct = *writer;
      const auto place = [&](TensorId id) { return static_cast<int64_t>(draft_.places[id].offset); };
      const int64_t apart = place(steps()[u].outputs[0]) - place(from);
      if (apart % size_of(from) != 0 || !target->redirect(direct, apart / size_of(from) - copy.in_offset))
        return;
      direct.out_offset += copy.out_offset;
      before.emplace_back(u, std::move(direct));
    }
    if (before.empty()) return;
    const auto names = named(root, before);
    const TensorDesc& x = draft_.desc(from);
    for (TensorId id : names) {
      const TensorDesc& t = draft_.desc(id);
      if (draft_.places[id].offset != draft_.places[from].offset || t.dims != x.dims || t.order != x.order ||
          t.pitch != x.pitch || x.logical_shape() != draft_.desc(to).logical_shape())
        return;
    }
    const auto exchange = [&] {
      for (auto& [u, other] : before) std::swap(std::get<CopyParams>(steps()[u].params), other);
    };
    std::vector<TensorId> parts;
    for (auto& [u, direct] : before) parts.push_back(std::exchange(steps()[u].outputs[0], to));
    exchange();
    removed_[s] = true;
    const uint64_t peak = lower_bound(lifetimes(draft_, removed_));
    if (peak > peak_) {  // e.g. a large target that would wait for a small part
      exchange();
      for (size_t i = 0; i < before.size(); ++i) steps()[before[i].first].outputs[0] = parts[i];
      removed_[s] = false;
      return;
    }
    peak_ = peak;
    for (TensorId id : names) {  // whoever asks for what stood in between finds it in the new place
      const TensorDesc& y = draft_.desc(to);
      TensorDesc& t = draft_.program.tensors[id];
      t.dims = y.dims, t.order = y.order, t.pitch = y.pitch;
      draft_.places[id] = draft_.places[to];
    }
    auto& users = users_[draft_.root(to)];
    for (const auto& writer : before) users.push_back(writer.first);
    std::sort(users.begin(), users.end());
    Step& last = steps()[before.back().first];
    last.completes.insert(last.completes.end(), steps()[s].completes.begin(), steps()[s].completes.end());
  }

  // The tensors of `root` whose values are complete after one of the steps.
  std::vector<TensorId> named(TensorId root, const std::vector<std::pair<size_t, CopyParams>>& writers) {
    std::vector<TensorId> ids;
    for (const auto& writer : writers)
      for (TensorId id : steps()[writer.first].completes)
        if (draft_.root(id) == root) ids.push_back(id);
    return ids;
  }

  Draft& draft_;
  std::vector<bool> removed_, fixed_;       // by step; by root
  std::vector<std::vector<size_t>> users_;  // steps, by root
  uint64_t peak_ = 0;
};

}  // namespace

void compose_copies(Draft& draft) { Composer(draft).run(); }

}  // namespace openhb::compiler
