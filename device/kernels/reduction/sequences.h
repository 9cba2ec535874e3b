// SPDX-License-Identifier: Apache-2.0
// Steps that work along one dimension: a walk over the first elements of its sequences.
#pragma once

#include "device/kernels/elementwise/walk.h"
#include "device/kernels/kernel.h"

namespace openhb::kernels {

// Input 0 and output 0, which has the same extents except along `axis`, whose extent counts as 1 here.
inline RowWalk<2> sequence_walk(const StepView& view, size_t axis) {
  Shape dims = view.out().dims;
  dims[axis] = 1;
  const Shape x_strides = view.in(0).strides(), y_strides = view.out().strides();
  std::vector<std::array<int64_t, 2>> strides(dims.size());
  for (size_t i = 0; i < dims.size(); ++i) strides[i] = {x_strides[i], y_strides[i]};
  return RowWalk<2>(dims, strides);
}

}  // namespace openhb::kernels
