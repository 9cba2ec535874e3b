// SPDX-License-Identifier: Apache-2.0
// Runners of element-wise steps: any range of the output's elements can be computed by itself.
#pragma once

#include "device/kernels/elementwise/checks.h"
#include "device/kernels/elementwise/walk.h"

namespace openhb::kernels {

class WalkRunner : public Runner {
 public:
  // elements, row: of the output, and of its innermost dimension.
  WalkRunner(int64_t elements, int64_t row) : elements_(elements), row_(row) {}
  explicit WalkRunner(const TensorDesc& y) : WalkRunner(y.elements(), y.dims.empty() ? 1 : y.dims.back()) {}

  int max_parts() const final { return parts_for(elements_, elements_); }
  void run(int part, int parts) noexcept final { run_elements(split_range(elements_, part, parts)); }
  void run_rows(Range rows, int) noexcept final { run_elements({rows.first * row_, rows.last * row_}); }
  int row_slots() const final { return 256; }  // no scratch

 private:
  // Elements in row-major order.
  virtual void run_elements(Range range) noexcept = 0;

  int64_t elements_, row_;
};

}  // namespace openhb::kernels
