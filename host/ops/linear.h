// SPDX-License-Identifier: Apache-2.0
// Sums of products: linear.cc.
#pragma once

#include "host/ops/operator.h"

namespace openhb::ops {

struct Conv {
  static constexpr OpInfo info{"Conv", 2, 3, "", "HzSQuantizedConv"};
  static constexpr Integer integer = Integer::int16;
  static constexpr std::span<const march::Limit> limits = march::kConv;
  static void upgrade(Rewriter& rewriter, Node& node);
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

struct Preprocess {
  static constexpr OpInfo info{"HzPreprocess", 3, 3, "horizon", "HzSQuantizedPreprocess"};
  static constexpr Integer integer = Integer::int16;
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

struct BatchNormalization {
  static constexpr OpInfo info{"BatchNormalization", 5, 5, "", "", 1, 5};
  static void upgrade(Rewriter& rewriter, Node& node);
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

struct Gemm {
  static constexpr OpInfo info{"Gemm", 2, 3, "", "HzSQuantizedConv"};
  static constexpr Integer integer = Integer::int16;
  static constexpr std::span<const march::Limit> limits = march::kGemm;
  static void upgrade(Rewriter& rewriter, Node& node);
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

struct MatMul {
  static constexpr OpInfo info{"MatMul", 2, 2, "", "HzSQuantizedMatmul"};
  static constexpr Integer integer = Integer::int16;
  static constexpr std::span<const march::Limit> limits = march::kMatMul;
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

}  // namespace openhb::ops
