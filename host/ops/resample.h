// SPDX-License-Identifier: Apache-2.0
// The arithmetic of Resize: what it asks for per axis, and the tables that the steps take.
#pragma once

#include <string>
#include <vector>

#include "host/ops/operator.h"

namespace openhb::ops {

struct ResizeSpec {
  Shape in, out;
  std::vector<float> scales;              // per axis
  std::vector<float> roi_start, roi_end;  // per axis; tf_crop_and_resize only
  std::string mode, coordinates, nearest;
  float cubic_a = -0.75f, outside = 0;
  bool antialias = false, exclude_outside = false;

  // Whether points outside of the input take `outside`.
  bool extrapolates() const { return coordinates == "tf_crop_and_resize"; }
};

// Reads a Resize node of the canonical form. Throws Error(model_*) naming node and attribute.
ResizeSpec resize_spec(const Node& node);

// For each output position along an axis its sources and their weights, [taps, out] each; a first source of
// -1: the point lies outside. Nearest has one tap of weight 1.
struct AxisTable {
  int64_t taps = 1;
  std::vector<int32_t> source;
  std::vector<float> weight;

  // Every output position is the input's.
  bool copies(int64_t in) const;
  bool leaves() const;  // some point lies outside
};
AxisTable axis_table(const ResizeSpec& spec, size_t axis);

}  // namespace openhb::ops
