// SPDX-License-Identifier: Apache-2.0
#include "device/engine/chain.h"

#include <algorithm>
#include <chrono>

#include "device/kernels/steps.h"

namespace openhb::engine {
namespace {

constexpr size_t kMaxSteps = 8;
// What a strip reads and writes should stay in the first cache, and be enough work to pay for the calls. A
// multiple of the tiles of the convolutions.
constexpr int64_t kStripBytes = 32 * 1024;
constexpr int64_t kStripMultiple = 48;
// Constants that do not stay in the second cache are not read once more for every strip.
constexpr int64_t kMaxReread = 256 * 1024;

// The bytes of a tensor as rows: row r is [first + r * pitch, first + r * pitch + size).
struct Rows {
  uint64_t first, end;
  int64_t count, pitch, size;

  explicit Rows(const TensorDesc& t)
      : first(t.offset), end(t.offset + static_cast<uint64_t>(t.byte_extent())) {
    const auto bytes = static_cast<int64_t>(dtype_size(t.dtype));
    count = num_rows(t);
    size = (t.dims.empty() ? 1 : t.dims.back()) * bytes;
    pitch = t.dims.size() < 2 ? size : t.pitch * bytes;
  }
  bool overlaps(const Rows& other) const { return first < other.end && other.first < end; }
  // Row r of one meets only row r of the other.
  bool aligned(const Rows& other) const {
    return count == other.count && pitch == other.pitch &&
           other.first + static_cast<uint64_t>(other.size) <= first + static_cast<uint64_t>(pitch) &&
           first + static_cast<uint64_t>(size) <= other.first + static_cast<uint64_t>(pitch);
  }
};

struct Access {
  Rows rows;
  bool local;  // rows [a, b) are touched only for the output rows [a, b)
};

// What a step does to the arena.
struct StepAccess {
  RowUse use;
  int64_t row_bytes = 0;  // read or written per row
  std::vector<Access> reads, writes;

  StepAccess(const Program& program, const Step& step) {
    const StepView view(program, step);
    use = std::visit([&]<class P>(const P& p) { return row_use(view, p); }, step.params);
    for (size_t i = 0; i < view.num_inputs(); ++i) {
      if (view.in(i).storage != Storage::arena || view.in(i).elements() == 0) continue;
      const Rows rows(view.in(i));
      const bool local = i < 32 && (use.local >> i & 1) != 0 && rows.count == use.rows;
      reads.push_back({rows, local});
      if (local) row_bytes += rows.size;
    }
    for (size_t i = 0; i < view.num_outputs(); ++i) {
      if (view.out(i).elements() == 0) continue;
      const Rows rows(view.out(i));
      writes.push_back({rows, rows.count == use.rows});
      row_bytes += rows.size;
    }
  }
  bool by_rows() const { return use.rows > 0 && use.reread <= kMaxReread; }
};

// Whether every byte that one of `a` and one of `b` share belongs to the same row of both.
bool agree(const std::vector<Access>& a, const std::vector<Access>& b, bool& touch) {
  for (const Access& x : a)
    for (const Access& y : b) {
      if (!x.rows.overlaps(y.rows)) continue;
      if (!x.local || !y.local || !x.rows.aligned(y.rows)) return false;
      touch = true;
    }
  return true;
}

bool may_follow(const std::vector<StepAccess>& chain, const StepAccess& next) {
  if (!next.by_rows() || next.use.rows != chain.front().use.rows) return false;
  bool reads_chain = false, ignored = false;
  for (const StepAccess& step : chain)
    if (!agree(step.writes, next.reads, reads_chain) || !agree(step.writes, next.writes, ignored) ||
        !agree(step.reads, next.writes, ignored))
      return false;
  return reads_chain;
}

uint64_t now_ns() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                   std::chrono::steady_clock::now().time_since_epoch())
                                   .count());
}

}  // namespace

std::vector<Chain> find_chains(const Program& program, std::span<const size_t> alone) {
  const auto is_alone = [&](size_t step) {
    return std::find(alone.begin(), alone.end(), step) != alone.end();
  };
  std::vector<Chain> chains;
  for (size_t i = 0; i < program.steps.size();) {
    std::vector<StepAccess> steps{StepAccess(program, program.steps[i])};
    size_t next = i + 1;
    for (; !is_alone(i) && steps.front().by_rows() && next < program.steps.size() && next - i < kMaxSteps;
         ++next) {
      StepAccess access(program, program.steps[next]);
      if (is_alone(next) || !may_follow(steps, access)) break;
      steps.push_back(std::move(access));
    }
    Chain chain{i, next, steps.size() > 1 ? steps.front().use.rows : 0, 0};
    int64_t bytes = 1;
    for (const StepAccess& step : steps) bytes += step.row_bytes;
    chain.strip = std::max<int64_t>(kStripBytes / bytes / kStripMultiple, 1) * kStripMultiple;
    chains.push_back(chain);
    i = next;
  }
  return chains;
}

int ChainRunner::max_parts() const {
  int64_t parts = (chain_.rows + kStripMultiple - 1) / kStripMultiple;
  for (const Runner* step : steps_) parts = std::min<int64_t>(parts, step->row_slots());
  return static_cast<int>(parts);
}

void ChainRunner::run(int part, int parts) noexcept {
  const bool measure = measure_ && part == 0;
  if (measure) std::fill(ns_.begin(), ns_.end(), 0);
  const int64_t strips = (chain_.rows + kStripMultiple - 1) / kStripMultiple;
  Range range = split_range(strips, part, parts);
  range = {range.first * kStripMultiple, std::min(range.last * kStripMultiple, chain_.rows)};
  for (int64_t row = range.first; row < range.last; row += chain_.strip) {
    if (border_ && part == 0 && row > range.first && !border_(border_context_)) return;
    const Range strip{row, std::min(row + chain_.strip, range.last)};
    uint64_t before = measure ? now_ns() : 0;
    for (size_t i = 0; i < steps_.size(); ++i) {
      steps_[i]->run_rows(strip, part);
      if (!measure) continue;
      const uint64_t now = now_ns();
      ns_[i] += now - before;
      before = now;
    }
  }
}

}  // namespace openhb::engine
