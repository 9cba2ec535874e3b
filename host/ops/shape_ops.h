// SPDX-License-Identifier: Apache-2.0
// Shapes and element types: shape_ops.cc.
#pragma once

#include "host/ops/operator.h"

namespace openhb::ops {

struct ShapeOf {
  static constexpr OpInfo info{"Shape", 1, 1};
  static constexpr std::string_view note = "known when compiling";
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

struct ConstantOfShape {
  static constexpr OpInfo info{"ConstantOfShape", 1, 1};
  static constexpr std::string_view note = "known when compiling";
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

struct Cast {
  static constexpr OpInfo info{"Cast", 1, 1};
  static void upgrade(Rewriter& rewriter, Node& node);
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

// The same bits as another type of the same size.
struct BitCast {
  static constexpr OpInfo info{"BitCast", 1, 1, "", "", 26};
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

// A function of the files that makertbin writes: QuantizeLinear and DequantizeLinear.
struct Calibration {
  static constexpr OpInfo info{"HzCalibration", 3, 3, "horizon"};
  static void upgrade(Rewriter& rewriter, Node& node);
};

}  // namespace openhb::ops
