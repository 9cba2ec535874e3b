// SPDX-License-Identifier: Apache-2.0
// Operators over labelled axes and heads, which expand into matrix products: einsum.cc, attention.cc.
#pragma once

#include "host/ops/operator.h"

namespace openhb::ops {

struct Einsum {
  static constexpr OpInfo info{"Einsum", 1, 64, "", "", 12};
  static void upgrade(Rewriter& rewriter, Node& node);
};

struct Attention {
  static constexpr OpInfo info{"Attention", 3, 7, "", "", 23, 4};
  static void upgrade(Rewriter& rewriter, Node& node);
};

struct RotaryEmbedding {
  static constexpr OpInfo info{"RotaryEmbedding", 3, 4, "", "", 23};
  static void upgrade(Rewriter& rewriter, Node& node);
};

using AttentionOps = OpList<Einsum, Attention, RotaryEmbedding>;

}  // namespace openhb::ops
