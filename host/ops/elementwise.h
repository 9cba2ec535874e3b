// SPDX-License-Identifier: Apache-2.0
// Element-wise families: each row of the two tables is an operator; the templates turn rows into
// descriptions.
#pragma once

#include <array>
#include <optional>

#include "host/ops/operands.h"
#include "host/ops/operator.h"

namespace openhb::ops {

// ONNX operator, step function, and the attributes that become alpha and beta with their defaults.
struct UnaryRow {
  std::string_view op;
  UnaryFunction function;
  std::string_view alpha = "", beta = "";
  float alpha_default = 0, beta_default = 0;
  int64_t since = 1;
  std::span<const march::Limit> limits = march::kElementwise;

  constexpr UnaryRow within(std::span<const march::Limit> own) const {
    UnaryRow row = *this;
    row.limits = own;
    return row;
  }
};

inline constexpr std::array kUnaryRows{
    UnaryRow{"Abs", UnaryFunction::abs}.within(march::kElementwiseBayes),
    UnaryRow{"Acos", UnaryFunction::acos, "", "", 0, 0, 7}.within(march::kElementwiseBayes),
    UnaryRow{"Acosh", UnaryFunction::acosh, "", "", 0, 0, 9}.within(march::kElementwiseBayes),
    UnaryRow{"Asin", UnaryFunction::asin, "", "", 0, 0, 7}.within(march::kElementwiseBayes),
    UnaryRow{"Asinh", UnaryFunction::asinh, "", "", 0, 0, 9}.within(march::kElementwiseBayes),
    UnaryRow{"Atan", UnaryFunction::atan, "", "", 0, 0, 7}.within(march::kElementwiseBayes),
    UnaryRow{"Atanh", UnaryFunction::atanh, "", "", 0, 0, 9}.within(march::kElementwiseBayes),
    UnaryRow{"Ceil", UnaryFunction::ceil}.within(march::kElementwiseBayes),
    UnaryRow{"Celu", UnaryFunction::celu, "alpha", "", 1.0f, 0, 12}.within(march::kElementwiseBayes),
    UnaryRow{"Cos", UnaryFunction::cos, "", "", 0, 0, 7}.within(march::kElementwiseSmall),
    UnaryRow{"Cosh", UnaryFunction::cosh, "", "", 0, 0, 9}.within(march::kElementwiseBayes),
    UnaryRow{"Elu", UnaryFunction::elu, "alpha", "", 1.0f},
    UnaryRow{"Erf", UnaryFunction::erf, "", "", 0, 0, 9}.within(march::kElementwiseBayes),
    UnaryRow{"Exp", UnaryFunction::exp},
    UnaryRow{"Floor", UnaryFunction::floor}.within(march::kElementwiseBayes),
    UnaryRow{"Gelu", UnaryFunction::gelu, "", "", 0, 0, 20}.within(march::kElementwiseBayes),
    UnaryRow{"HardSigmoid", UnaryFunction::hard_sigmoid, "alpha", "beta", 0.2f, 0.5f},
    UnaryRow{"HardSwish", UnaryFunction::hard_swish, "", "", 0, 0, 14}.within(march::kElementwiseBayes),
    UnaryRow{"LeakyRelu", UnaryFunction::leaky_relu, "alpha", "", 0.01f},
    UnaryRow{"Log", UnaryFunction::log}.within(march::kElementwiseBayes),
    UnaryRow{"Mish", UnaryFunction::mish, "", "", 0, 0, 18}.within(march::kElementwiseBayes),
    UnaryRow{"Neg", UnaryFunction::neg}.within(march::kElementwiseBayes),
    UnaryRow{"Reciprocal", UnaryFunction::reciprocal},
    UnaryRow{"Round", UnaryFunction::round, "", "", 0, 0, 11}.within(march::kElementwiseBayes),
    UnaryRow{"Selu", UnaryFunction::selu, "alpha", "gamma", 1.67326319217681884765625f,
             1.05070102214813232421875f}
        .within(march::kElementwiseBayes),
    UnaryRow{"Shrink", UnaryFunction::shrink, "lambd", "bias", 0.5f, 0, 9}.within(march::kElementwiseBayes),
    UnaryRow{"Sigmoid", UnaryFunction::sigmoid}.within(march::kSigmoid),
    UnaryRow{"Sign", UnaryFunction::sign, "", "", 0, 0, 9}.within(march::kElementwiseBayes),
    UnaryRow{"Sin", UnaryFunction::sin, "", "", 0, 0, 7}.within(march::kElementwiseSmall),
    UnaryRow{"Sinh", UnaryFunction::sinh, "", "", 0, 0, 9}.within(march::kElementwiseBayes),
    UnaryRow{"Softplus", UnaryFunction::softplus}.within(march::kElementwiseSmall),
    UnaryRow{"Softsign", UnaryFunction::softsign}.within(march::kElementwiseBayes),
    UnaryRow{"Sqrt", UnaryFunction::sqrt}.within(march::kElementwiseSmall),
    UnaryRow{"Swish", UnaryFunction::swish, "alpha", "", 1.0f, 0, 24}.within(march::kElementwiseBayes),
    UnaryRow{"Tan", UnaryFunction::tan, "", "", 0, 0, 7}.within(march::kElementwiseBayes),
    UnaryRow{"Tanh", UnaryFunction::tanh}.within(march::kElementwiseSmall),
    UnaryRow{"ThresholdedRelu", UnaryFunction::thresholded_relu, "alpha", "", 1.0f, 0, 10}.within(
        march::kElementwiseBayes),
    // Clip and Relu: bounds come from activation_bounds.
    UnaryRow{"Clip", UnaryFunction::clip},
    UnaryRow{"Relu", UnaryFunction::clip},
};

inline constexpr std::initializer_list<DType> kUnsigned{DType::u8, DType::u16, DType::u32, DType::u64};
inline constexpr std::initializer_list<DType> kNumbersAndBool{
    DType::f32, DType::i8,  DType::u8,  DType::i16, DType::u16,
    DType::i32, DType::u32, DType::i64, DType::u64, DType::boolean};
inline constexpr std::initializer_list<DType> kBool{DType::boolean};
inline constexpr std::initializer_list<DType> kPowBases{DType::f32, DType::i32, DType::i64};

struct BinaryRow {
  std::string_view op;
  BinaryFunction function;
  std::initializer_list<DType> types = kNumbers;  // of the first operand
  bool integer = false;                           // exists on int8 codes
  bool int16 = false;                             // and on int16 ones
  bool on_request = false;                        // QuantRule
  bool swapped = false;                           // function(b, a)
  size_t max_inputs = 2;                          // more: a chain
  std::string_view int8_type = "";                // name in the integer engine; "": its own
  int64_t since = 1;
  std::span<const march::Limit> limits = march::kFourDimensions;

  constexpr BinaryRow within(std::span<const march::Limit> own) const {
    BinaryRow row = *this;
    row.limits = own;
    return row;
  }
};

inline constexpr std::array kBinaryRows{
    BinaryRow{"Add", BinaryFunction::add, kNumbers, true, true, false, false, 2, "HzSElementwiseAdd"}.within(
        march::kAdd),
    BinaryRow{"Sub", BinaryFunction::sub, kNumbers, true, true, false, false, 2, "HzSElementwiseSub"}.within(
        march::kSub),
    BinaryRow{"Mul", BinaryFunction::mul, kNumbers, true, true, false, false, 2, "HzSQuantizedMul"}.within(
        march::kMul),
    BinaryRow{"Div", BinaryFunction::div, kNumbers, true, true}.within(march::kDiv),
    BinaryRow{"Pow", BinaryFunction::pow, kPowBases, true, false, false, false, 2, "HzLut"}.within(
        march::kPow),
    BinaryRow{"Max", BinaryFunction::max, kNumbers, true, true, false, false, kVariadic}.within(
        march::kCompare),
    BinaryRow{"Min", BinaryFunction::min, kNumbers, true, true, true, false, kVariadic}.within(
        march::kCompare),
    BinaryRow{"PRelu", BinaryFunction::prelu, kNumbers, true, false, false, false, 2, "HzPRelu"}.within(
        march::kElementwise),
    BinaryRow{"Equal", BinaryFunction::equal, kNumbersAndBool, true, true, true}.within(march::kCompare),
    BinaryRow{"Less", BinaryFunction::less, kNumbers, true, true, true}.within(march::kCompare),
    BinaryRow{"LessOrEqual", BinaryFunction::less_equal, kNumbers, true, true, true, false, 2, "", 12}.within(
        march::kCompare),
    BinaryRow{"Greater", BinaryFunction::less, kNumbers, true, true, true, true}.within(march::kCompare),
    BinaryRow{"GreaterOrEqual", BinaryFunction::less_equal, kNumbers, true, true, true, true, 2, "", 12}
        .within(march::kCompare),
    BinaryRow{"Mod", BinaryFunction::mod, kNumbers, false, false, false, false, 2, "", 10},
    BinaryRow{"BitShift", BinaryFunction::shift_left, kUnsigned, false, false, false, false, 2, "", 11},
    BinaryRow{"BitwiseAnd", BinaryFunction::bit_and, kIntegers, false, false, false, false, 2, "", 18},
    BinaryRow{"BitwiseOr", BinaryFunction::bit_or, kIntegers, false, false, false, false, 2, "", 18},
    BinaryRow{"BitwiseXor", BinaryFunction::bit_xor, kIntegers, false, false, false, false, 2, "", 18},
    BinaryRow{"And", BinaryFunction::bit_and, kBool},
    BinaryRow{"Or", BinaryFunction::bit_or, kBool},
    BinaryRow{"Xor", BinaryFunction::bit_xor, kBool},
};

// Function and parameters of a node of the unary family; nullopt for any other operator.
std::optional<UnaryParams> unary_params_of(const Node& node);

void upgrade_unary(Rewriter& rewriter, Node& node);
void infer_unary(InferContext& context, const UnaryRow& row);
QuantRule quant_unary();
void lower_unary(compiler::Lowering& lowering, const Node& node, const UnaryRow& row);
void upgrade_binary(Rewriter& rewriter, Node& node, const BinaryRow& row);
void infer_binary(InferContext& context, const BinaryRow& row);
QuantRule quant_binary(const Node& node, const BinaryRow& row);
void lower_binary(compiler::Lowering& lowering, const Node& node, const BinaryRow& row);

template <size_t I>
struct Unary {
  static constexpr OpInfo info{
      kUnaryRows[I].op,   1, kUnaryRows[I].op == "Clip" ? size_t{3} : size_t{1}, "", "HzLut",
      kUnaryRows[I].since};
  static constexpr Integer integer = Integer::int16;
  static constexpr std::span<const march::Limit> limits = kUnaryRows[I].limits;
  static void upgrade(Rewriter& rewriter, Node& node) { upgrade_unary(rewriter, node); }
  static void infer(InferContext& context) { infer_unary(context, kUnaryRows[I]); }
  static QuantRule quant(const Node&) { return quant_unary(); }
  static void lower(compiler::Lowering& lowering, const Node& node) {
    lower_unary(lowering, node, kUnaryRows[I]);
  }
};

template <size_t I>
struct Binary {
  static constexpr OpInfo info{
      kBinaryRows[I].op,         kBinaryRows[I].max_inputs == 2 ? size_t{2} : size_t{1},
      kBinaryRows[I].max_inputs, "",
      kBinaryRows[I].int8_type,  kBinaryRows[I].since};
  static constexpr Integer integer = kBinaryRows[I].int16     ? Integer::int16
                                     : kBinaryRows[I].integer ? Integer::int8
                                                              : Integer::none;
  static constexpr std::span<const march::Limit> limits = kBinaryRows[I].limits;
  static void upgrade(Rewriter& rewriter, Node& node) { upgrade_binary(rewriter, node, kBinaryRows[I]); }
  static void infer(InferContext& context) { infer_binary(context, kBinaryRows[I]); }
  static QuantRule quant(const Node& node) { return quant_binary(node, kBinaryRows[I]); }
  static void lower(compiler::Lowering& lowering, const Node& node) {
    lower_binary(lowering, node, kBinaryRows[I]);
  }
};

}  // namespace openhb::ops
