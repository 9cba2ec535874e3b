// SPDX-License-Identifier: Apache-2.0
// What element-wise operators and reductions do with their operands while they are lowered, and single
// numbers.
#pragma once

#include <functional>
#include <initializer_list>
#include <vector>

#include "host/compiler/lowering.h"
#include "host/ops/operator.h"

namespace openhb::ops {

inline constexpr std::initializer_list<DType> kNumbers{
    DType::f32, DType::i8, DType::u8, DType::i16, DType::u16, DType::i32, DType::u32, DType::i64, DType::u64};
inline constexpr std::initializer_list<DType> kIntegers{DType::i8,  DType::u8,  DType::i16, DType::u16,
                                                        DType::i32, DType::u32, DType::i64, DType::u64};
constexpr bool is_unsigned(DType t) {
  return t == DType::u8 || t == DType::u16 || t == DType::u32 || t == DType::u64;
}
constexpr bool is_integer(DType t) {
  for (DType i : kIntegers)
    if (i == t) return true;
  return false;
}

// The type in which steps compute integers of type `t`: one that holds all of its values. Casting back wraps.
constexpr DType working_type(DType t) {
  if (t == DType::u32) return DType::i64;
  return t == DType::i8 || t == DType::u8 || t == DType::i16 || t == DType::u16 ? DType::i32 : t;
}

// The value v in type t, of rank 0.
Tensor scalar_of(DType t, int64_t v);
// Element i of a tensor of numbers or bool.
double number_at(const Tensor& t, size_t i);
// The constant `input` of one element. Error(model_dynamic_shape) when it is computed, model_bad_shape when
// it has another size.
const Tensor& constant_number(const Node& node, size_t input);
// ONNX TensorProto.DataType of an element type.
int64_t onnx_type(DType t);

// `id` in another element type.
compiler::TensorId cast_to(compiler::Lowering& lowering, compiler::TensorId id, DType dtype);
// The int8 codes of a value under other parameters than its own.
compiler::TensorId codes_as(compiler::Lowering& lowering, const Value* value, const QuantParams& quant);
// Operands that broadcast, with equal rank and axis order: those of the largest computed one.
void align(compiler::Lowering& lowering, std::vector<compiler::TensorId>& operands);
// The extents that aligned operands broadcast to.
Shape broadcast_dims(const compiler::Lowering& lowering, const std::vector<compiler::TensorId>& operands);

// Calls emit(y) for the tensor of `x`'s rank and order whose extents along `axes` (logical ones) are 1; it
// becomes the node's output 0, which may lack these axes. `dtype`: what emit writes, if it is not the
// output's.
void lower_along(compiler::Lowering& lowering, const Node& node, compiler::TensorId x,
                 const std::vector<int64_t>& axes, const std::function<void(compiler::TensorId)>& emit,
                 std::optional<DType> dtype = std::nullopt);

// A function of one activation, input `i`, as a table of codes (`g` in binary64, rounded once to float).
void lower_table(compiler::Lowering& lowering, const Node& node, size_t i,
                 const std::function<double(double)>& g);

}  // namespace openhb::ops
