// SPDX-License-Identifier: Apache-2.0
// Control flow that is decided while compiling: control.cc.
#pragma once

#include "host/ops/operator.h"

namespace openhb::ops {

// The branch that a constant condition chooses takes the node's place.
struct If {
  static constexpr OpInfo info{"If", 1, 4096, "", "", 1, 4096};
  static constexpr std::string_view note = "the condition must be known when compiling";
  static void upgrade(Rewriter& rewriter, Node& node);
};

// Unrolled when trip count and condition are known.
struct Loop {
  static constexpr OpInfo info{"Loop", 1, 4095, "", "", 1, 4096};
  static constexpr std::string_view note = "trip count and condition must be known when compiling";
  static void upgrade(Rewriter& rewriter, Node& node);
};

// Unrolled along the scanned axis (the form of opset 9).
struct Scan {
  static constexpr OpInfo info{"Scan", 1, 4096, "", "", 9, 4096};
  static constexpr std::string_view note = "unrolled";
  static void upgrade(Rewriter& rewriter, Node& node);
};

using ControlOps = OpList<If, Loop, Scan>;

}  // namespace openhb::ops
