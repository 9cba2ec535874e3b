// SPDX-License-Identifier: Apache-2.0
// The sliding window of Conv and Pool: attributes of both, 1-D windows as rows of height 1.
#pragma once

#include <array>

#include "host/compiler/lowering.h"
#include "host/ops/operator.h"

namespace openhb::ops {

struct Window {
  std::array<int32_t, 2> kernel{1, 1}, stride{1, 1}, dilation{1, 1};
  std::array<int32_t, 4> pads{0, 0, 0, 0};  // top, left, bottom, right
  bool ceil_mode = false;

  // [N, channels, spatial...] of the result for input [N, C, spatial...]; Error through `context` when empty.
  Shape output_shape(const Shape& input, int64_t channels, const InferContext& context) const;
};

// From the attributes kernel_shape (or `kernel`, the weights' extents), strides, dilations, pads, auto_pad,
// ceil_mode. Throws Error(model_bad_attribute) naming node and attribute.
Window window_of(const Node& node, const Shape& input, const Shape& kernel);

// A channels-last tensor [N, L, C] or [N, H, W, C] as 4-D N, H, W, C.
compiler::TensorId spatial_view(compiler::Lowering& lowering, compiler::TensorId id);

}  // namespace openhb::ops
