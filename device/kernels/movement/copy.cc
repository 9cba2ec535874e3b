// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/movement/copy.h"

#include <cstdlib>
#include <vector>

#include "device/kernels/elementwise/checks.h"
#include "device/kernels/elementwise/walk.h"
#include "device/kernels/movement/transpose.h"

namespace openhb::kernels {
namespace {

// The copy as loops sorted by falling output stride, merged where both sides allow it.
struct LoopNest {
  std::vector<Loop> loops;
  int64_t in_offset, out_offset;  // bytes
  int64_t size;                   // bytes that move together

  LoopNest(const CopyParams& p, int64_t element_size)
      : in_offset(p.in_offset * element_size), out_offset(p.out_offset * element_size), size(element_size) {
    for (size_t i = 0; i < p.extent.size(); ++i) {
      if (p.extent[i] == 1) continue;
      Loop loop{p.extent[i], p.in_strides[i] * size, p.out_strides[i] * size};
      if (loop.out < 0) {  // run backwards, so that output strides are positive
        in_offset += (loop.extent - 1) * loop.in;
        out_offset += (loop.extent - 1) * loop.out;
        loop.in = -loop.in;
        loop.out = -loop.out;
      }
      loops.push_back(loop);
    }
    std::sort(loops.begin(), loops.end(), [](const Loop& a, const Loop& b) { return a.out > b.out; });
    for (size_t i = loops.size(); i-- > 1;) {
      Loop& outer = loops[i - 1];
      const Loop inner = loops[i];
      if (outer.in != inner.in * inner.extent || outer.out != inner.out * inner.extent) continue;
      outer = {outer.extent * inner.extent, inner.in, inner.out};
      loops.erase(loops.begin() + static_cast<std::ptrdiff_t>(i));
    }
    if (!loops.empty() && loops.back().in == size && loops.back().out == size) {
      size *= loops.back().extent;
      loops.pop_back();
    }
  }
};

// Rows of many bytes.
class RowCopy final : public Runner {
 public:
  RowCopy(const LoopNest& nest, const Binding& binding)
      : walk_(make_walk(nest)),
        in_(binding.inputs[0] + nest.in_offset),
        out_(binding.outputs[0] + nest.out_offset) {}

  int max_parts() const override { return parts_for(walk_.elements, walk_.elements); }

  void run(int part, int parts) noexcept override {
    const Range range = split_range(walk_.elements, part, parts);
    walk_.for_planes(range.first, range.last, [&](const auto& at, const Plane<2>& plane) {
      const std::byte* from = in_ + at[0];
      std::byte* to = out_ + at[1];
      for (int64_t r = 0; r < plane.rows; ++r, from += plane.step[0], to += plane.step[1])
        copy_row(to, from, plane.n);
    });
  }

 private:
  static RowWalk<2> make_walk(const LoopNest& nest) {
    Shape dims;
    std::vector<std::array<int64_t, 2>> strides;
    for (const Loop& loop : nest.loops) {
      dims.push_back(loop.extent);
      strides.push_back({loop.in, loop.out});
    }
    dims.push_back(nest.size);
    strides.push_back({1, 1});
    return RowWalk<2>(dims, strides, true);
  }

  RowWalk<2> walk_;
  const std::byte* in_;
  std::byte* out_;
};

// Items of a few bytes: the two innermost loops run in tiles.
class TileCopy final : public Runner {
 public:
  TileCopy(LoopNest nest, const Binding& binding)
      : pair_(take_pair(nest.loops)),
        walk_(make_walk(nest.loops, (pair_.i.extent + kCopyTile - 1) / kCopyTile)),
        in_(binding.inputs[0] + nest.in_offset),
        out_(binding.outputs[0] + nest.out_offset),
        copy_(choose_pair_copy(nest.size, pair_)) {}

  int max_parts() const override {
    return parts_for(walk_.elements * kCopyTile * pair_.j.extent, walk_.elements);
  }

  void run(int part, int parts) noexcept override {
    const Range range = split_range(walk_.elements, part, parts);
    walk_.for_rows(range.first, range.last, [&](const auto& at, int64_t n, int64_t column) {
      for (int64_t tile = column; tile < column + n; ++tile)
        copy_(in_ + at[0], out_ + at[1], pair_, tile * kCopyTile,
              std::min((tile + 1) * kCopyTile, pair_.i.extent));
    });
  }

 private:
  static LoopPair take_pair(std::vector<Loop>& loops) {
    LoopPair pair{{1, 0, 0}, {1, 0, 0}};
    if (loops.empty()) return pair;
    pair.j = loops.back();
    loops.pop_back();
    if (loops.empty()) return pair;
    auto best = loops.begin();
    for (auto it = loops.begin(); it != loops.end(); ++it)
      if (std::abs(it->in) <= std::abs(best->in)) best = it;
    pair.i = *best;
    loops.erase(best);
    return pair;
  }
  // The loops around the pair, and one over its rows of tiles.
  static RowWalk<2> make_walk(const std::vector<Loop>& loops, int64_t tiles) {
    Shape dims;
    std::vector<std::array<int64_t, 2>> strides;
    for (const Loop& loop : loops) {
      dims.push_back(loop.extent);
      strides.push_back({loop.in, loop.out});
    }
    dims.push_back(tiles);
    strides.push_back({0, 0});
    return RowWalk<2>(dims, strides, true);
  }

  LoopPair pair_;
  RowWalk<2> walk_;
  const std::byte* in_;
  std::byte* out_;
  PairCopy copy_;
};

class NoRunner final : public Runner {
 public:
  void run(int, int) noexcept override {}
};

// Every index offset + sum i * stride inside [0, count), without overflow on the way.
bool stays_inside(const std::vector<int64_t>& extent, const std::vector<int64_t>& strides, int64_t offset,
                  int64_t count) {
  int64_t lowest = offset, highest = offset;
  for (size_t i = 0; i < extent.size(); ++i) {
    int64_t reach = 0;
    if (__builtin_mul_overflow(extent[i] - 1, strides[i], &reach)) return false;
    int64_t& end = reach < 0 ? lowest : highest;
    if (__builtin_add_overflow(end, reach, &end)) return false;
  }
  return lowest >= 0 && highest < count;
}

// No element is written twice: each stride reaches beyond all smaller ones together (so parts write disjoint
// bytes).
bool writes_once(const std::vector<int64_t>& extent, const std::vector<int64_t>& strides) {
  std::vector<std::pair<int64_t, int64_t>> loops;
  for (size_t i = 0; i < extent.size(); ++i)
    if (extent[i] > 1) loops.emplace_back(std::abs(strides[i]), extent[i]);
  std::sort(loops.begin(), loops.end());
  int64_t reach = 0;  // no overflow: stays_inside has passed
  for (const auto& [stride, n] : loops) {
    if (stride <= reach) return false;
    reach += stride * (n - 1);
  }
  return true;
}

int64_t storage_elements(const TensorDesc& t) {
  return t.byte_extent() / static_cast<int64_t>(dtype_size(t.dtype));
}

}  // namespace
}  // namespace openhb::kernels

namespace openhb {

using namespace kernels;

void Kernel<CopyParams>::validate(const StepView& view, const CopyParams& p) {
  check_tensors(view, 1);
  const TensorDesc &x = view.in(0), &y = view.out();
  view.require(dtype_size(x.dtype) == dtype_size(y.dtype), "element sizes differ");
  view.require(p.extent.size() <= kMaxRank, "too many dimensions");
  view.require(p.in_strides.size() == p.extent.size() && p.out_strides.size() == p.extent.size(),
               "strides do not match the extents");
  for (const int64_t n : p.extent) view.require(n >= 0, "negative extent");
  if (std::find(p.extent.begin(), p.extent.end(), 0) != p.extent.end()) return;  // nothing moves
  num_elements(p.extent);
  view.require(stays_inside(p.extent, p.in_strides, p.in_offset, storage_elements(x)),
               "reads outside its tensor");
  view.require(stays_inside(p.extent, p.out_strides, p.out_offset, storage_elements(y)),
               "writes outside its tensor");
  view.require(writes_once(p.extent, p.out_strides), "writes an element twice");
}

Cost Kernel<CopyParams>::cost(const StepView& view, const CopyParams& p) {
  if (std::find(p.extent.begin(), p.extent.end(), 0) != p.extent.end()) return {};
  return {0, 2 * num_elements(p.extent) * static_cast<int64_t>(dtype_size(view.out().dtype))};
}

std::unique_ptr<Runner> Kernel<CopyParams>::bind(const StepView& view, const CopyParams& p,
                                                 const Binding& binding) {
  if (std::find(p.extent.begin(), p.extent.end(), 0) != p.extent.end()) return std::make_unique<NoRunner>();
  LoopNest nest(p, static_cast<int64_t>(dtype_size(view.out().dtype)));
  if (choose_pair_copy(nest.size, {}) != nullptr && !nest.loops.empty())
    return std::make_unique<TileCopy>(std::move(nest), binding);
  return std::make_unique<RowCopy>(nest, binding);
}

}  // namespace openhb
