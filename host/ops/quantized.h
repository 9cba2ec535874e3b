// SPDX-License-Identifier: Apache-2.0
// Operators of models that were quantized elsewhere: quantized.cc. QuantizeLinear and DequantizeLinear are
// steps of their own; the others expand.
#pragma once

#include "host/ops/operator.h"

namespace openhb::ops {

struct QuantizeLinear {
  static constexpr OpInfo info{"QuantizeLinear", 2, 3, "", "", 10};
  static void upgrade(Rewriter& rewriter, Node& node);
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

struct DequantizeLinear {
  static constexpr OpInfo info{"DequantizeLinear", 2, 3, "", "", 10};
  static void upgrade(Rewriter& rewriter, Node& node);
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

struct DynamicQuantizeLinear {
  static constexpr OpInfo info{"DynamicQuantizeLinear", 1, 1, "", "", 11, 3};
  static void upgrade(Rewriter& rewriter, Node& node);
};

struct QLinearConv {
  static constexpr OpInfo info{"QLinearConv", 8, 9, "", "", 10};
  static void upgrade(Rewriter& rewriter, Node& node);
};

struct QLinearMatMul {
  static constexpr OpInfo info{"QLinearMatMul", 8, 8, "", "", 10};
  static void upgrade(Rewriter& rewriter, Node& node);
};

struct ConvInteger {
  static constexpr OpInfo info{"ConvInteger", 2, 4, "", "", 10};
  static void upgrade(Rewriter& rewriter, Node& node);
};

struct MatMulInteger {
  static constexpr OpInfo info{"MatMulInteger", 2, 4, "", "", 10};
  static void upgrade(Rewriter& rewriter, Node& node);
};

using QuantizedOps = OpList<QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear, QLinearConv,
                            QLinearMatMul, ConvInteger, MatMulInteger>;

}  // namespace openhb::ops
