// SPDX-License-Identifier: Apache-2.0
// Resampling: resize.cc.
#pragma once

#include "host/ops/operator.h"

namespace openhb::ops {

struct Resize {
  static constexpr OpInfo info{"Resize", 1, 4, "", "HzQuantizedResizeUpsample", 10};
  static constexpr Integer integer = Integer::int16;
  static constexpr std::span<const march::Limit> limits = march::kResize;
  static void upgrade(Rewriter& rewriter, Node& node);
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

// Resize before opset 10.
struct Upsample {
  static constexpr OpInfo info{"Upsample", 1, 2, "", "HzQuantizedResizeUpsample"};
  static void upgrade(Rewriter& rewriter, Node& node);
};

}  // namespace openhb::ops
