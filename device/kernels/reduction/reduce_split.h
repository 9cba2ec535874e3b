// SPDX-License-Identifier: Apache-2.0
// The geometry of Reduce.
#pragma once

#include <algorithm>

#include "device/kernels/elementwise/walk.h"
#include "device/kernels/kernel.h"

namespace openhb::kernels {

// The reduced dimensions as runs of equally spaced elements inside a walk.
struct Runs {
  RowWalk<1> walk;         // over the first elements of the runs
  int64_t length, stride;  // of a run

  static Runs make(Shape dims, Shape strides) {
    for (size_t i = dims.size(); i-- > 0;) {
      const bool drop = dims[i] == 1;
      const bool merge = !drop && i + 1 < dims.size() && strides[i] == strides[i + 1] * dims[i + 1];
      if (merge) dims[i + 1] *= dims[i];
      if (drop || merge) {
        dims.erase(dims.begin() + static_cast<std::ptrdiff_t>(i));
        strides.erase(strides.begin() + static_cast<std::ptrdiff_t>(i));
      }
    }
    int64_t length = 1, stride = 0;
    if (!dims.empty()) {
      length = dims.back(), stride = strides.back();
      dims.pop_back(), strides.pop_back();
    }
    std::vector<std::array<int64_t, 1>> outer;
    for (const int64_t s : strides) outer.push_back({s});
    return {RowWalk<1>(dims, outer), length, stride};
  }

  // Calls f(offset of the run's first element).
  template <class F>
  void for_runs(F&& f) const {
    walk.for_rows(0, walk.elements, [&](const auto& at, int64_t n, int64_t) {
      for (int64_t i = 0; i < n; ++i) f(at[0] + i * walk.row_stride[0]);
    });
  }
};

// Dimensions of the step, split into the reduced and the kept ones.
struct Split {
  Shape reduced_dims, reduced_strides, kept_dims;
  std::vector<std::array<int64_t, 2>> kept_strides;

  Split(const StepView& view, const ReduceParams& params) {
    const TensorDesc &x = view.in(0), &y = view.out();
    const Shape x_strides = x.strides(), y_strides = y.strides();
    for (size_t i = 0; i < x.rank(); ++i) {
      if (std::find(params.axes.begin(), params.axes.end(), static_cast<int64_t>(i)) != params.axes.end()) {
        reduced_dims.push_back(x.dims[i]);
        reduced_strides.push_back(x_strides[i]);
      } else {
        kept_dims.push_back(x.dims[i]);
        kept_strides.push_back({x_strides[i], y_strides[i]});
      }
    }
  }
};

}  // namespace openhb::kernels
