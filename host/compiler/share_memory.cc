// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>

#include "device/kernels/steps.h"
#include "host/compiler/draft.h"

namespace openhb::compiler {
namespace {

// Rows of a step that walks rows one by one shall have at least so many bytes when they are not contiguous.
constexpr int64_t kLeastRow = 64;

// Bytes [0, count * row) of a root, seen as rows, go to `first + r * pitch` of another one.
struct Mapping {
  uint64_t first;
  int64_t count, row, pitch;  // bytes; count == 1: one piece
};

uint64_t bytes_of(const TensorDesc& t, int64_t elements) {
  return static_cast<uint64_t>(elements) * dtype_size(t.dtype);
}

class Sharing {
 public:
  explicit Sharing(Draft& draft) : draft_(draft), removed_(draft.program.steps.size(), false) {
    find_uses();
    peak_ = peak();
  }

  void run() {
    for (size_t s = 0; s < steps().size(); ++s)
      if (const auto* copy = std::get_if<CopyParams>(&steps()[s].params)) elide(s, *copy);
    for (size_t s = 0; s < steps().size(); ++s)
      if (!removed_[s]) run_in_place(s);
    drop_removed();
  }

 private:
  std::vector<Step>& steps() { return draft_.program.steps; }
  TensorDesc& desc(TensorId id) { return draft_.program.tensors[id]; }

  void find_uses() {
    members_.resize(draft_.program.tensors.size());
    users_.resize(draft_.program.tensors.size());
    for (TensorId id = 0; id < members_.size(); ++id) members_[draft_.root(id)].push_back(id);
    for (size_t s = 0; s < steps().size(); ++s)
      for (const auto* list : {&steps()[s].inputs, &steps()[s].outputs})
        for (TensorId id : *list)
          if (auto& u = users_[draft_.root(id)]; u.empty() || u.back() != s) u.push_back(s);
    fixed_.resize(members_.size(), false);
    for (const auto& in : draft_.program.inputs) fixed_[draft_.root(in.tensor)] = true;
    for (const auto& out : draft_.program.outputs) fixed_[draft_.root(out.tensor)] = true;
  }

  uint64_t peak() const { return lower_bound(lifetimes(draft_, removed_)); }

  // A copy of the whole of one root, row by row, to another: its producers write there at once. Or from
  // another one: who reads the copy reads the original.
  void elide(size_t s, const CopyParams& copy) {
    const TensorId from = steps()[s].inputs[0], to = steps()[s].outputs[0];
    removed_[s] = true;
    const auto there = rows_of(copy, from, to);
    if (there && free_before(s, from, to, *there, true) && relocate(s, from, to, *there)) return;
    const CopyParams back{copy.extent, copy.out_strides, copy.in_strides, copy.out_offset, copy.in_offset};
    const auto here = rows_of(back, to, from);
    if (here && free_after(s, to, from, *here) && relocate(s, to, from, *here)) return;
    removed_[s] = false;
  }

  std::optional<Mapping> rows_of(const CopyParams& copy, TensorId from, TensorId to) {
    struct Loop {
      int64_t extent, in, out;
    };
    std::vector<Loop> loops;
    for (size_t i = 0; i < copy.extent.size(); ++i)
      if (copy.extent[i] != 1) loops.push_back({copy.extent[i], copy.in_strides[i], copy.out_strides[i]});
    std::sort(loops.begin(), loops.end(), [](const Loop& a, const Loop& b) { return a.in > b.in; });
    for (size_t i = loops.size(); i-- > 1;) {
      Loop &outer = loops[i - 1], &inner = loops[i];
      if (outer.in != inner.in * inner.extent || outer.out != inner.out * inner.extent) continue;
      outer = {outer.extent * inner.extent, inner.in, inner.out};
      loops.erase(loops.begin() + static_cast<std::ptrdiff_t>(i));
    }
    if (loops.size() > 2 || (!loops.empty() && (loops.back().in != 1 || loops.back().out != 1)))
      return std::nullopt;
    const TensorDesc& t = desc(from);
    const auto size = static_cast<int64_t>(dtype_size(t.dtype));
    Mapping m{draft_.places[to].offset + bytes_of(t, copy.out_offset), 1, size, size};
    if (!loops.empty()) m.row = m.pitch = loops.back().extent * size;
    if (loops.size() == 2) {
      if (loops[0].in != loops[1].extent || loops[0].out < loops[1].extent) return std::nullopt;
      m.count = loops[0].extent, m.pitch = loops[0].out * size;
    }
    if (draft_.places[from].offset != 0 || copy.in_offset != 0) return std::nullopt;
    return m;
  }

  // Nothing else of the operand's root may be read while it is overwritten.
  bool only_reads(const Step& step, TensorId from) {
    return std::all_of(step.inputs.begin(), step.inputs.end(), [&](TensorId id) {
      return draft_.root(id) != draft_.root(from) ||
             (draft_.places[id].offset == draft_.places[from].offset && desc(id).dims == desc(from).dims &&
              desc(id).pitch == desc(from).pitch);
    });
  }

  // An element-wise step whose output may take the place of an operand.
  void run_in_place(size_t s) {
    const Step& step = steps()[s];
    const uint32_t allowed = std::visit([]<class P>(const P&) { return in_place_inputs<P>(); }, step.params);
    const TensorId to = step.outputs[0];
    for (size_t i = 0; i < step.inputs.size() && i < 32; ++i) {
      const TensorId from = step.inputs[i];
      const TensorDesc &x = desc(from), &y = desc(to);
      if ((allowed >> i & 1) == 0 || x.dims != y.dims || dtype_size(x.dtype) != dtype_size(y.dtype)) continue;
      if (draft_.root(from) == draft_.root(to) || !x.dense() || draft_.places[from].offset != 0 ||
          x.elements() == 0 || !only_reads(step, from))
        continue;
      const auto size = static_cast<int64_t>(dtype_size(x.dtype));
      const int64_t row = (x.dims.empty() ? 1 : x.dims.back()) * size;
      Mapping m{draft_.places[to].offset, x.elements() * size / row, row, y.dense() ? row : y.pitch * size};
      if (m.pitch == row) m = {m.first, 1, x.elements() * size, x.elements() * size};
      if (free_before(s, from, to, m, false) && relocate(s, from, to, m)) return;
    }
  }

  // Whether step `s` can read the root of `from` where it writes `to`: nobody else writes there, and who
  // reads the former later finds it unchanged.
  bool free_before(size_t s, TensorId from, TensorId to, const Mapping& m, bool copied) {
    const TensorId old = draft_.root(from), root = draft_.root(to);
    for (size_t u : users_[old])
      if (!removed_[u] && ((u >= s && writes(u, old)) || (u > s && !copied))) return false;
    return nobody_writes(root, m, 0, s);
  }

  // Whether the root of `copy`, written by step `s` alone, can be read at `original` for good.
  bool free_after(size_t s, TensorId copy, TensorId original, const Mapping& m) {
    const TensorId old = draft_.root(copy), root = draft_.root(original);
    for (size_t u : users_[old])
      if (!removed_[u] && u != s && (u < s || writes(u, old))) return false;
    return !draft_.is_constant(root) && nobody_writes(root, m, s + 1, s);
  }

  bool nobody_writes(TensorId root, const Mapping& m, size_t first, size_t except) {
    for (size_t u : users_[root])
      if (!removed_[u] && u >= first && u != except)
        for (TensorId id : steps()[u].outputs)
          if (draft_.root(id) == root && overlaps(id, m)) return false;
    return true;
  }

  // Puts the root of `from` into the root of `to`; both belong to step `s`.
  bool relocate(size_t s, TensorId from, TensorId to, const Mapping& m) {
    const TensorId old = draft_.root(from), root = draft_.root(to);
    if (old == root || fixed_[old] || draft_.is_constant(old) || !desc(old).dense() ||
        static_cast<int64_t>(desc(old).byte_extent()) != m.count * m.row ||
        dtype_size(desc(from).dtype) != dtype_size(desc(to).dtype))
      return false;
    moved_.clear(), copies_.clear();
    for (size_t u : users_[old])
      if (!removed_[u] && u != s && !move_copy(u, old, m)) return undo();
    for (TensorId id : members_[old]) {
      moved_.push_back({id, draft_.places[id], desc(id).pitch});
      if (!move(id, root, m)) return undo();
    }
    for (size_t u : users_[old])
      if (!removed_[u] && !valid(steps()[u], m)) return undo();
    if (peak() > peak_) return undo();  // e.g. tensors that wait long for the rest of a concatenation
    adopt(root);
    return true;
  }

  bool writes(size_t s, TensorId root) {
    return std::any_of(steps()[s].outputs.begin(), steps()[s].outputs.end(),
                       [&](TensorId id) { return draft_.root(id) == root; });
  }

  bool overlaps(TensorId id, const Mapping& m) {
    const TensorDesc& t = desc(id);
    const uint64_t first = draft_.places[id].offset;
    const auto end = first + static_cast<uint64_t>(t.byte_extent());
    const auto own_end = m.first + static_cast<uint64_t>((m.count - 1) * m.pitch + m.row);
    if (end <= m.first || own_end <= first) return false;
    // Columns of the same rows.
    const int64_t size = static_cast<int64_t>(dtype_size(t.dtype)), pitch = t.pitch * size;
    if (t.rank() < 2 || pitch != m.pitch) return true;
    const int64_t a = static_cast<int64_t>(first) % pitch, b = static_cast<int64_t>(m.first) % pitch;
    return a < b + m.row && b < a + t.dims.back() * size;
  }

  // False when the tensor is not a tensor in the new place.
  bool move(TensorId id, TensorId root, const Mapping& m) {
    TensorDesc& t = desc(id);
    auto& place = draft_.places[id];
    if (t.elements() == 0) return false;
    const auto offset = static_cast<int64_t>(place.offset);
    if (m.count > 1) {
      const auto size = static_cast<int64_t>(dtype_size(t.dtype));
      const int64_t row = (t.dims.empty() ? 1 : t.dims.back()) * size, column = offset % m.row;
      if (column + row > m.row || m.pitch % size != 0) return false;
      const int64_t pitch = t.pitch * size;
      if (t.elements() * size > row && pitch % m.row != 0) return false;
      if (t.rank() > 0) t.pitch = std::max(pitch / m.row * m.pitch, m.pitch) / size;
      if (t.rank() == 1) t.pitch = t.dims.back();
      place.offset = static_cast<uint64_t>(offset / m.row * m.pitch + column);
    }
    place = {root, place.offset + m.first};
    return true;
  }

  // The strides of a Copy that reads or writes what moves; false when its loops cross rows.
  bool move_copy(size_t u, TensorId old, const Mapping& m) {
    auto* copy = std::get_if<CopyParams>(&steps()[u].params);
    if (!copy || m.count == 1) return true;
    copies_.push_back({u, *copy});
    const auto move = [&](TensorId id, Shape& strides, int64_t& offset) {
      if (draft_.root(id) != old) return true;
      const auto size = static_cast<int64_t>(dtype_size(desc(id).dtype));
      const auto place = static_cast<int64_t>(draft_.places[id].offset);
      const auto moved = [&](int64_t at) { return at / m.row * m.pitch + at % m.row; };
      const int64_t first = place + offset * size;
      int64_t low = first % m.row, high = low + size;  // columns
      for (size_t i = 0; i < strides.size(); ++i) {
        const int64_t stride = strides[i] * size;
        if (stride % m.row == 0) {
          strides[i] = stride / m.row * m.pitch / size;
        } else {
          (stride < 0 ? low : high) += stride * (copy->extent[i] - 1);
        }
      }
      offset = (moved(first) - moved(place)) / size;
      return low >= 0 && high <= m.row && m.pitch % size == 0;
    };
    return move(steps()[u].inputs[0], copy->in_strides, copy->in_offset) &&
           move(steps()[u].outputs[0], copy->out_strides, copy->out_offset);
  }

  // Whether the step takes its tensors as they are now, and does not become slow.
  bool valid(const Step& step, const Mapping& m) {
    const StepView view(draft_.program, step);
    return std::visit(
        [&]<class P>(const P& params) {
          if (in_place_inputs<P>() != 0 && m.count > 1 && m.row < kLeastRow) return false;
          try {
            Kernel<P>::validate(view, params);
          } catch (const Error&) {
            return false;
          }
          return true;
        },
        step.params);
  }

  bool undo() {
    for (const Moved& was : moved_) draft_.places[was.id] = was.place, desc(was.id).pitch = was.pitch;
    for (auto& [u, was] : copies_) steps()[u].params = std::move(was);
    moved_.clear(), copies_.clear();
    return false;
  }

  // The tensors that moved belong to `root` from now on.
  void adopt(TensorId root) {
    const TensorId old = moved_.front().place.root;
    members_[root].insert(members_[root].end(), members_[old].begin(), members_[old].end());
    std::vector<size_t> all;
    std::merge(users_[root].begin(), users_[root].end(), users_[old].begin(), users_[old].end(),
               std::back_inserter(all));
    all.erase(std::unique(all.begin(), all.end()), all.end());
    users_[root] = std::move(all);
    members_[old].clear(), users_[old].clear();
    peak_ = peak();
  }

  // Named tensors that a removed step completed are complete after the last step before it that writes there.
  void drop_removed() {
    for (size_t s = 0; s < steps().size(); ++s) {
      if (!removed_[s]) continue;
      for (TensorId id : steps()[s].completes)
        for (size_t before = s; before-- > 0;)
          if (!removed_[before] && writes(before, draft_.root(id))) {
            steps()[before].completes.push_back(id);
            break;
          }
    }
    size_t kept = 0;
    for (size_t s = 0; s < steps().size(); ++s)
      if (!removed_[s]) {
        if (kept != s) steps()[kept] = std::move(steps()[s]);
        ++kept;
      }
    steps().resize(kept);
  }

  struct Moved {
    TensorId id;
    Draft::Place place;
    int64_t pitch;
  };

  Draft& draft_;
  std::vector<bool> removed_, fixed_;           // by step; by root
  std::vector<std::vector<TensorId>> members_;  // by root
  std::vector<std::vector<size_t>> users_;      // steps, by root
  std::vector<Moved> moved_;
  std::vector<std::pair<size_t, CopyParams>> copies_;  // steps, and what they were
  uint64_t peak_ = 0;
};

}  // namespace

void share_memory(Draft& draft) { Sharing(draft).run(); }

}  // namespace openhb::compiler
