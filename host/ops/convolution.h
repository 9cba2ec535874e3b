// SPDX-License-Identifier: Apache-2.0
// Convolutions that become others: conv_transpose.cc, conv_3d.cc.
#pragma once

#include "host/ops/operator.h"

namespace openhb::ops {

struct ConvTranspose {
  static constexpr OpInfo info{"ConvTranspose", 2, 3, "", "HzSQuantizedConvTranspose"};
  static constexpr Integer integer = Integer::int16;
  static constexpr std::span<const march::Limit> limits = march::kConvTranspose;
  static void upgrade(Rewriter& rewriter, Node& node);
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

// Statistics or parameters that are not constant: plain arithmetic.
void expand_batch_norm(Rewriter& rewriter, const Node& node, bool training);

// Replaces a 3-D Conv by a 2-D one: the depth taps become input channels.
void expand_conv_3d(Rewriter& rewriter, const Node& node);

using ConvolutionOps = OpList<ConvTranspose>;

}  // namespace openhb::ops
