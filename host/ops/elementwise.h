// SPDX-License-Identifier: Apache-2.0
// Element-wise families: each row of the two tables is an operator; the templates turn rows into
// descriptions.
#pragma once

#include <array>
#include <optional>

#include "host/ops/operator.h"

namespace openhb::ops {

// ONNX operator, step function, and the attributes that become alpha and beta with their defaults.
struct UnaryRow {
  std::string_view op;
  UnaryFunction function;
  std::string_view alpha = "", beta = "";
  float alpha_default = 0, beta_default = 0;
  bool integer = true;  // the integer engine may take it, as a table
};

inline constexpr std::array kUnaryRows{
    UnaryRow{"Abs", UnaryFunction::abs},
    UnaryRow{"Ceil", UnaryFunction::ceil},
    UnaryRow{"Cos", UnaryFunction::cos},
    UnaryRow{"Elu", UnaryFunction::elu, "alpha", "", 1.0f},
    UnaryRow{"Erf", UnaryFunction::erf},
    UnaryRow{"Exp", UnaryFunction::exp},
    UnaryRow{"Floor", UnaryFunction::floor},
    UnaryRow{"Gelu", UnaryFunction::gelu},
    UnaryRow{"HardSigmoid", UnaryFunction::hard_sigmoid, "alpha", "beta", 0.2f, 0.5f},
    UnaryRow{"HardSwish", UnaryFunction::hard_swish},
    UnaryRow{"LeakyRelu", UnaryFunction::leaky_relu, "alpha", "", 0.01f},
    UnaryRow{"Log", UnaryFunction::log},
    UnaryRow{"Mish", UnaryFunction::mish},
    UnaryRow{"Neg", UnaryFunction::neg},
    UnaryRow{"Reciprocal", UnaryFunction::reciprocal},
    UnaryRow{"Round", UnaryFunction::round},
    UnaryRow{"Sigmoid", UnaryFunction::sigmoid},
    UnaryRow{"Sign", UnaryFunction::sign},
    UnaryRow{"Sin", UnaryFunction::sin},
    UnaryRow{"Softplus", UnaryFunction::softplus},
    UnaryRow{"Sqrt", UnaryFunction::sqrt},
    UnaryRow{"Tanh", UnaryFunction::tanh},
    // Clip and Relu: bounds come from activation_bounds.
    UnaryRow{"Clip", UnaryFunction::clip},
    UnaryRow{"Relu", UnaryFunction::clip},
};

struct BinaryRow {
  std::string_view op;
  BinaryFunction function;
  std::string_view int8_type;  // name in the integer engine; "": float only
  size_t max_inputs = 2;       // more: a chain
};

inline constexpr std::array kBinaryRows{
    BinaryRow{"Add", BinaryFunction::add, "HzSElementwiseAdd"},
    BinaryRow{"Sub", BinaryFunction::sub, "HzSElementwiseSub"},
    BinaryRow{"Mul", BinaryFunction::mul, "HzSQuantizedMul"},
    BinaryRow{"Div", BinaryFunction::div, ""},
    BinaryRow{"Pow", BinaryFunction::pow, ""},
    BinaryRow{"Max", BinaryFunction::max, "", 4096},
    BinaryRow{"Min", BinaryFunction::min, "", 4096},
    BinaryRow{"Sum", BinaryFunction::add, "", 4096},
};

// Function and parameters of a node of the unary family; nullopt for any other operator.
std::optional<UnaryParams> unary_params_of(const Node& node);

void upgrade_unary(Rewriter& rewriter, Node& node);
void infer_unary(InferContext& context);
QuantRule quant_unary(const Node& node, const UnaryRow& row);
void lower_unary(compiler::Lowering& lowering, const Node& node, const UnaryRow& row);
void infer_binary(InferContext& context);
QuantRule quant_binary(const Node& node, const BinaryRow& row);
void lower_binary(compiler::Lowering& lowering, const Node& node, const BinaryRow& row);

template <size_t I>
struct Unary {
  static constexpr OpInfo info{kUnaryRows[I].op, 1, kUnaryRows[I].op == "Clip" ? size_t{3} : size_t{1}, "",
                               "HzLut"};
  static void upgrade(Rewriter& rewriter, Node& node) { upgrade_unary(rewriter, node); }
  static void infer(InferContext& context) { infer_unary(context); }
  static QuantRule quant(const Node& node) { return quant_unary(node, kUnaryRows[I]); }
  static void lower(compiler::Lowering& lowering, const Node& node) {
    lower_unary(lowering, node, kUnaryRows[I]);
  }
};

template <size_t I>
struct Binary {
  static constexpr OpInfo info{kBinaryRows[I].op, kBinaryRows[I].max_inputs == 2 ? size_t{2} : size_t{1},
                               kBinaryRows[I].max_inputs, "", kBinaryRows[I].int8_type};
  static void infer(InferContext& context) { infer_binary(context); }
  static QuantRule quant(const Node& node) { return quant_binary(node, kBinaryRows[I]); }
  static void lower(compiler::Lowering& lowering, const Node& node) {
    lower_binary(lowering, node, kBinaryRows[I]);
  }
};

}  // namespace openhb::ops
