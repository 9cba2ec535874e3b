// SPDX-License-Identifier: Apache-2.0
// Tuples of indices, each of which names a slice of a tensor: GatherND and ScatterND.
#pragma once

#include "device/kernels/elementwise/walk.h"
#include "device/kernels/indexing/positions.h"

namespace openhb::kernels {

// The tensor that tuples point into: extents and strides of the dimensions that they count.
struct TupleTarget {
  size_t depth = 0;
  std::array<int64_t, kMaxRank> extent{}, stride{};

  TupleTarget(const TensorDesc& t, size_t first, size_t n) : depth(n) {
    const Shape strides = t.strides();
    for (size_t i = 0; i < n; ++i) extent[i] = t.dims[first + i], stride[i] = strides[first + i];
  }
  int64_t clamped(const Positions& indices, int64_t at) const {
    int64_t offset = 0;
    for (size_t i = 0; i < depth; ++i)
      offset += indices.clamped(at + static_cast<int64_t>(i), extent[i]) * stride[i];
    return offset;
  }
  // -1 when the tuple points outside.
  int64_t checked(const Positions& indices, int64_t at) const {
    int64_t offset = 0;
    for (size_t i = 0; i < depth; ++i) {
      const int64_t index = indices.checked(at + static_cast<int64_t>(i), extent[i]);
      if (index < 0) return -1;
      offset += index * stride[i];
    }
    return offset;
  }
};

// Loops over the elements of all slices, `slices` [batch..., tuples..., inner...]: offsets into the target
// (from the tuple's slice on), of the tuple, and into `slices`.
inline RowWalk<3> slice_walk(const TensorDesc& target, const TensorDesc& indices, const TensorDesc& slices,
                             size_t batch) {
  const Shape t = target.strides(), index = indices.strides(), s = slices.strides();
  const size_t lead = indices.rank() - 1, depth = static_cast<size_t>(indices.dims.back());
  std::vector<std::array<int64_t, 3>> strides(s.size());
  for (size_t i = 0; i < s.size(); ++i) {
    strides[i] = {0, 0, s[i]};
    if (i < lead) strides[i][1] = index[i];
    if (i < batch) strides[i][0] = t[i];
    if (i >= lead) strides[i][0] = t[i - lead + batch + depth];
  }
  return RowWalk<3>(slices.dims, strides);
}

// Ranks and extents of a target, its indices and its slices.
inline void check_tuples(const StepView& view, const TensorDesc& target, const TensorDesc& indices,
                         const TensorDesc& slices, size_t batch) {
  check_positions(view, indices);
  view.require(indices.rank() > batch && target.rank() >= batch, "ranks do not fit");
  const int64_t depth = indices.dims.back();
  view.require(depth >= 0 && depth <= static_cast<int64_t>(target.rank() - batch), "tuples are too long");
  Shape expected(indices.dims.begin(), indices.dims.end() - 1);
  expected.insert(expected.end(), target.dims.begin() + static_cast<std::ptrdiff_t>(batch) + depth,
                  target.dims.end());
  view.require(slices.dims == expected, "wrong extents");
  for (size_t i = 0; i < batch; ++i) view.require(indices.dims[i] == target.dims[i], "batches differ");
}

}  // namespace openhb::kernels
