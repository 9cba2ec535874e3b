// SPDX-License-Identifier: Apache-2.0
// Data movement: movement.cc, rearrange.cc, pad.cc, movement_forms.cc.
#pragma once

#include "host/ops/operator.h"

namespace openhb::ops {

struct Reshape {
  static constexpr OpInfo info{"Reshape", 2, 2};
  static constexpr Integer integer = Integer::int16;
  static constexpr std::span<const march::Limit> limits = march::kView;
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

struct Flatten {
  static constexpr OpInfo info{"Flatten", 1, 1};
  static constexpr Integer integer = Integer::int16;
  static constexpr std::span<const march::Limit> limits = march::kView;
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

struct Squeeze {
  static constexpr OpInfo info{"Squeeze", 1, 2};
  static constexpr Integer integer = Integer::int16;
  static constexpr std::span<const march::Limit> limits = march::kView;
  static void upgrade(Rewriter& rewriter, Node& node);
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

struct Unsqueeze {
  static constexpr OpInfo info{"Unsqueeze", 1, 2};
  static constexpr Integer integer = Integer::int16;
  static constexpr std::span<const march::Limit> limits = march::kView;
  static void upgrade(Rewriter& rewriter, Node& node);
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

struct Identity {
  static constexpr OpInfo info{"Identity", 1, 1};
  static constexpr Integer integer = Integer::int16;
  static constexpr std::span<const march::Limit> limits = march::kAnyRank;
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

struct Dropout {
  static constexpr OpInfo info{"Dropout", 1, 3, "", "", 1, 2};
  static void upgrade(Rewriter& rewriter, Node& node);
};

struct Transpose {
  static constexpr OpInfo info{"Transpose", 1, 1};
  static constexpr Integer integer = Integer::int16;
  static constexpr std::span<const march::Limit> limits = march::kView;
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

struct Concat {
  static constexpr OpInfo info{"Concat", 1, kVariadic};
  static constexpr Integer integer = Integer::int16;
  static constexpr std::span<const march::Limit> limits = march::kConcat;
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

struct Slice {
  static constexpr OpInfo info{"Slice", 1, 5};
  static constexpr Integer integer = Integer::int16;
  static constexpr std::span<const march::Limit> limits = march::kAnyRank;
  static void upgrade(Rewriter& rewriter, Node& node);
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

struct Split {
  static constexpr OpInfo info{"Split", 1, 2, "", "", 1, kVariadic};
  static constexpr Integer integer = Integer::int16;
  static constexpr std::span<const march::Limit> limits = march::kSplit;
  static void upgrade(Rewriter& rewriter, Node& node);
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

struct Gather {
  static constexpr OpInfo info{"Gather", 2, 2};
  static constexpr Integer integer = Integer::int16;
  static constexpr std::span<const march::Limit> limits = march::kGather;
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

struct Pad {
  static constexpr OpInfo info{"Pad", 1, 4};
  static constexpr Integer integer = Integer::int16;
  static constexpr std::span<const march::Limit> limits = march::kPad;
  static void upgrade(Rewriter& rewriter, Node& node);
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

struct Expand {
  static constexpr OpInfo info{"Expand", 2, 2};
  static constexpr Integer integer = Integer::int16;
  static constexpr std::span<const march::Limit> limits = march::kExpand;
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

struct DepthToSpace {
  static constexpr OpInfo info{"DepthToSpace", 1, 1};
  static constexpr Integer integer = Integer::int16;
  static constexpr std::span<const march::Limit> limits = march::kBlocks;
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

struct SpaceToDepth {
  static constexpr OpInfo info{"SpaceToDepth", 1, 1};
  static constexpr Integer integer = Integer::int16;
  static constexpr std::span<const march::Limit> limits = march::kBlocks;
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

struct Tile {
  static constexpr OpInfo info{"Tile", 2, 2, "", "", 6};
  static constexpr Integer integer = Integer::int16;
  static constexpr std::span<const march::Limit> limits = march::kExpand;
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

struct CenterCropPad {
  static constexpr OpInfo info{"CenterCropPad", 2, 2, "", "", 18};
  static void upgrade(Rewriter& rewriter, Node& node);
};

struct Col2Im {
  static constexpr OpInfo info{"Col2Im", 3, 3, "", "", 18};
  static void upgrade(Rewriter& rewriter, Node& node);
};

}  // namespace openhb::ops
