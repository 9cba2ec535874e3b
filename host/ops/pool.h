// SPDX-License-Identifier: Apache-2.0
// Pooling: pool.cc.
#pragma once

#include "host/ops/operator.h"

namespace openhb::ops {

struct MaxPool {
  static constexpr OpInfo info{"MaxPool", 1, 1, "", "HzQuantizedMaxPool"};
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

struct AveragePool {
  static constexpr OpInfo info{"AveragePool", 1, 1, "", "HzSQuantizedAveragePool"};
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

struct GlobalAveragePool {
  static constexpr OpInfo info{"GlobalAveragePool", 1, 1, "", "HzSQuantizedGlobalAveragePool"};
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

}  // namespace openhb::ops
