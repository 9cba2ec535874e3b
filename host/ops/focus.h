// SPDX-License-Identifier: Apache-2.0
// A convolution of every second row and column (YOLO's Focus) is one of the picture itself.
#pragma once

#include <optional>
#include <vector>

#include "host/graph/graph.h"
#include "host/ops/linear_step.h"

namespace openhb::ops {

// A value that is four slices of `source`, all [:, :, row::2, column::2], one behind the other along axis 1.
struct Focus {
  struct Part {
    int64_t row, column;
  };
  const graph::Value* source;
  std::vector<Part> parts;
};
std::optional<Focus> focus_of(const graph::Value* value);

// Turns a Conv of the four parts with int8 weights `codes` into the Conv of the source with kernels, strides
// and pads of twice the size: the same sums.
void apply_focus(const Focus& focus, Linear& linear, std::vector<int8_t>& codes);

}  // namespace openhb::ops
