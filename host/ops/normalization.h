// SPDX-License-Identifier: Apache-2.0
// Normalizations, which expand into reductions and arithmetic: normalization.cc.
#pragma once

#include "host/ops/operator.h"

namespace openhb::ops {

struct InstanceNormalization {
  static constexpr OpInfo info{"InstanceNormalization", 3, 3};
  static void upgrade(Rewriter& rewriter, Node& node);
};

struct LayerNormalization {
  static constexpr OpInfo info{"LayerNormalization", 2, 3, "", "", 17, 3};
  static void upgrade(Rewriter& rewriter, Node& node);
};

struct GroupNormalization {
  static constexpr OpInfo info{"GroupNormalization", 3, 3, "", "", 18};
  static void upgrade(Rewriter& rewriter, Node& node);
};

struct RmsNormalization {
  static constexpr OpInfo info{"RMSNormalization", 2, 2, "", "", 23};
  static void upgrade(Rewriter& rewriter, Node& node);
};

struct MeanVarianceNormalization {
  static constexpr OpInfo info{"MeanVarianceNormalization", 1, 1, "", "", 9};
  static void upgrade(Rewriter& rewriter, Node& node);
};

struct LpNormalization {
  static constexpr OpInfo info{"LpNormalization", 1, 1};
  static void upgrade(Rewriter& rewriter, Node& node);
};

using NormalizationOps = OpList<InstanceNormalization, LayerNormalization, GroupNormalization,
                                RmsNormalization, MeanVarianceNormalization, LpNormalization>;

}  // namespace openhb::ops
