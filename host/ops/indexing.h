// SPDX-License-Identifier: Apache-2.0
// Elements at computed positions: indexing.cc (gathers, scatters), selection.cc (TopK, suppression,
// reversal).
#pragma once

#include "host/ops/operator.h"

namespace openhb::ops {

struct GatherElements {
  static constexpr OpInfo info{"GatherElements", 2, 2, "", "", 11};
  static constexpr Integer integer = Integer::int16;
  static constexpr std::span<const march::Limit> limits = march::kPlain;
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

struct GatherND {
  static constexpr OpInfo info{"GatherND", 2, 2, "", "", 11};
  static constexpr Integer integer = Integer::int16;
  static constexpr std::span<const march::Limit> limits = march::kPlain;
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

struct ScatterElements {
  static constexpr OpInfo info{"ScatterElements", 3, 3, "", "", 11};
  static constexpr Integer integer = Integer::int16;
  static constexpr std::span<const march::Limit> limits = march::kPlain;
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

// ScatterElements before opset 11.
struct Scatter {
  static constexpr OpInfo info{"Scatter", 3, 3, "", "", 9};
  static void upgrade(Rewriter& rewriter, Node& node);
};

struct ScatterND {
  static constexpr OpInfo info{"ScatterND", 3, 3, "", "", 11};
  static constexpr Integer integer = Integer::int16;
  static constexpr std::span<const march::Limit> limits = march::kPlain;
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

struct TensorScatter {
  static constexpr OpInfo info{"TensorScatter", 2, 3, "", "", 24};
  static void upgrade(Rewriter& rewriter, Node& node);
};

struct Compress {
  static constexpr OpInfo info{"Compress", 2, 2, "", "", 9};
  static void upgrade(Rewriter& rewriter, Node& node);
};

struct TopK {
  static constexpr OpInfo info{"TopK", 1, 2, "", "", 1, 2};
  static constexpr Integer integer = Integer::int16;
  static constexpr std::span<const march::Limit> limits = march::kTopK;
  static void upgrade(Rewriter& rewriter, Node& node);
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

struct NonMaxSuppression {
  static constexpr OpInfo info{"NonMaxSuppression", 2, 5, "", "", 10};
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

struct ReverseSequence {
  static constexpr OpInfo info{"ReverseSequence", 2, 2, "", "", 10};
  static constexpr Integer integer = Integer::int16;
  static constexpr std::span<const march::Limit> limits = march::kPlain;
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

using IndexingOps = OpList<GatherElements, GatherND, ScatterElements, Scatter, ScatterND, TensorScatter,
                           Compress, TopK, NonMaxSuppression, ReverseSequence>;

}  // namespace openhb::ops
