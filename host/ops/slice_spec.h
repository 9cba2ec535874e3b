// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "host/graph/graph.h"

namespace openhb::ops {

// A slice of constant bounds: for each axis of the input, first index and step, and the result's extents.
struct SliceSpec {
  Shape first, step, extent;
};
SliceSpec slice_spec(const graph::Node& node);

}  // namespace openhb::ops
