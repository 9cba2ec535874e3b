// SPDX-License-Identifier: Apache-2.0
// Operators on tokens: text.cc.
#pragma once

#include "host/ops/operator.h"

namespace openhb::ops {

// Counts of the n-grams of a constant pool in rows of integer tokens. Expands into comparisons and sums.
struct TfIdfVectorizer {
  static constexpr OpInfo info{"TfIdfVectorizer", 1, 1, "", "", 9};
  static void upgrade(Rewriter& rewriter, Node& node);
};

using TextOps = OpList<TfIdfVectorizer>;

}  // namespace openhb::ops
