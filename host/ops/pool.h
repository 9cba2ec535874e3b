// SPDX-License-Identifier: Apache-2.0
// Pooling: pool.cc; what pools expand into or from: pool_forms.cc.
#pragma once

#include "host/ops/operator.h"

namespace openhb::ops {

struct MaxPool {
  static constexpr OpInfo info{"MaxPool", 1, 1, "", "HzQuantizedMaxPool", 1, 2};
  static constexpr Integer integer = Integer::int16;
  static constexpr std::span<const march::Limit> limits = march::kMaxPool;
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

struct AveragePool {
  static constexpr OpInfo info{"AveragePool", 1, 1, "", "HzSQuantizedAveragePool"};
  static constexpr Integer integer = Integer::int16;
  static constexpr std::span<const march::Limit> limits = march::kAveragePool;
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

struct GlobalAveragePool {
  static constexpr OpInfo info{"GlobalAveragePool", 1, 1, "", "HzSQuantizedGlobalAveragePool"};
  static constexpr Integer integer = Integer::int16;
  static constexpr std::span<const march::Limit> limits = march::kGlobalAveragePool;
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

struct LpPool {
  static constexpr OpInfo info{"LpPool", 1, 1};
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

struct GlobalMaxPool {
  static constexpr OpInfo info{"GlobalMaxPool", 1, 1};
  static void upgrade(Rewriter& rewriter, Node& node);
};

struct GlobalLpPool {
  static constexpr OpInfo info{"GlobalLpPool", 1, 1};
  static void upgrade(Rewriter& rewriter, Node& node);
};

struct MaxUnpool {
  static constexpr OpInfo info{"MaxUnpool", 2, 3, "", "", 9};
  static void upgrade(Rewriter& rewriter, Node& node);
};

struct LRN {
  static constexpr OpInfo info{"LRN", 1, 1};
  static void upgrade(Rewriter& rewriter, Node& node);
};

using PoolOps =
    OpList<MaxPool, AveragePool, GlobalAveragePool, LpPool, GlobalMaxPool, GlobalLpPool, MaxUnpool, LRN>;

}  // namespace openhb::ops
