// SPDX-License-Identifier: Apache-2.0
// Sampling at computed positions: sampling.cc, deform_conv.cc; Col2Im and determinants.
#pragma once

#include "host/ops/operator.h"

namespace openhb::ops {

struct GridSample {
  static constexpr OpInfo info{"GridSample", 2, 2, "", "", 16};
  static constexpr Integer integer = Integer::int16;
  static constexpr std::span<const march::Limit> limits = march::kGridSample;
  static void upgrade(Rewriter& rewriter, Node& node);
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

struct AffineGrid {
  static constexpr OpInfo info{"AffineGrid", 2, 2, "", "", 20};
  static void upgrade(Rewriter& rewriter, Node& node);
};

struct RoiAlign {
  static constexpr OpInfo info{"RoiAlign", 3, 3, "", "", 10};
  static void upgrade(Rewriter& rewriter, Node& node);
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

struct MaxRoiPool {
  static constexpr OpInfo info{"MaxRoiPool", 2, 2};
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

struct DeformConv {
  static constexpr OpInfo info{"DeformConv", 3, 5, "", "", 19};
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

struct Det {
  static constexpr OpInfo info{"Det", 1, 1, "", "", 11};
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

using SamplingOps = OpList<GridSample, AffineGrid, RoiAlign, MaxRoiPool, DeformConv, Det>;

}  // namespace openhb::ops
