// SPDX-License-Identifier: Apache-2.0
#include "host/ops/shape_ops.h"

#include "host/ops/narrow.h"

#include <algorithm>
#include <cmath>

#include "host/compiler/lowering.h"

namespace openhb::ops {

using compiler::Lowering;
using compiler::TensorId;

void ShapeOf::infer(InferContext& c) {
  const auto rank = c.rank(0);
  auto bound = [&](std::string_view name, int64_t fallback) {
    const int64_t v = c.node().attr_int(name, fallback);
    return std::clamp<int64_t>(v < 0 ? v + rank : v, 0, rank);
  };
  const int64_t first = bound("start", 0), last = std::max(bound("end", rank), first);
  const std::vector<int64_t> dims(c.shape(0).begin() + first, c.shape(0).begin() + last);
  c.fold(0, Tensor::from<int64_t>({last - first}, dims));
}
QuantRule ShapeOf::quant(const Node&) { return float_only("it is known at compile time"); }
void ShapeOf::lower(Lowering&, const Node& node) {
  fail(ErrorCode::internal, "{} should have been folded", node.describe());
}

void ConstantOfShape::infer(InferContext& c) {
  const Tensor* value = c.node().attr_tensor("value");
  const DType dtype = value ? value->dtype() : DType::f32;
  c.set(0, dtype, c.ints(0));  // refuses negative extents
  c.require_foldable(c.ints(0));
  Tensor filled(dtype, c.ints(0));
  if (value && value->size() == 1)
    for (size_t i = 0; i < filled.size(); ++i)
      std::memcpy(filled.bytes().data() + i * value->bytes().size(), value->bytes().data(),
                  value->bytes().size());
  c.fold(0, std::move(filled));
}
QuantRule ConstantOfShape::quant(const Node&) { return float_only("it is known at compile time"); }
void ConstantOfShape::lower(Lowering&, const Node& node) {
  fail(ErrorCode::internal, "{} should have been folded", node.describe());
}

namespace {
// ONNX TensorProto.DataType numbers, as the attribute `to` of Cast holds them.
DType cast_target(const Node& node) {
  constexpr std::pair<int64_t, DType> kTypes[] = {
      {1, DType::f32},  {2, DType::u8},   {3, DType::i8},      {4, DType::u16},  {5, DType::i16},
      {6, DType::i32},  {7, DType::i64},  {9, DType::boolean}, {10, DType::f32}, {11, DType::f32},
      {12, DType::u32}, {13, DType::u64}, {16, DType::f32}};
  const int64_t to = node.attr_int("to", 1);
  for (const auto& [number, dtype] : kTypes)
    if (number == to) return dtype;
  const bool known = to == 8 || to == 14 || to == 15;  // string, complex
  fail(known ? ErrorCode::model_unsupported_op : ErrorCode::model_bad_attribute,
       "{}: attribute 'to' holds {}; {}", node.describe(), to,
       known ? "strings and complex numbers do not exist here" : "expected a number of TensorProto.DataType");
}
}  // namespace

void Cast::upgrade(Rewriter& r, Node& node) {
  const graph::NarrowType* narrow = graph::find_narrow_type(node.attr_int("to", 1));
  if (!narrow) return;
  r.result(0, cast_to_narrow(r, node.input(0), *narrow, node.attr_int("saturate", 1) != 0,
                             node.attr_string("round_mode", "up")));
}
void Cast::infer(InferContext& c) { c.set(0, cast_target(c.node()), c.shape(0)); }
QuantRule Cast::quant(const Node&) { return float_only("it changes the element type"); }
void Cast::lower(Lowering& lowering, const Node& node) {
  const TensorId x = lowering.input(0);
  if (node.outputs[0]->dtype == lowering.desc(x).dtype) return lowering.bind(node.outputs[0], x);
  lowering.emit(CastParams{}, {x}, {lowering.output(node.outputs[0], lowering.desc(x).order)});
}

void BitCast::infer(InferContext& c) {
  const int64_t to = c.node().attr_int("to", 0);
  c.require_support(to != 10 && to != 11 && to != 16,
                    "float16, bfloat16 and double are computed as float32, which has other bits");
  const DType dtype = cast_target(c.node());
  c.require_support(dtype_size(dtype) == dtype_size(c.dtype(0)),
                    fmt::format("{} and {} differ in size", dtype_name(c.dtype(0)), dtype_name(dtype)));
  c.set(0, dtype, c.shape(0));
}
QuantRule BitCast::quant(const Node&) { return float_only("it changes the element type"); }
void BitCast::lower(Lowering& lowering, const Node& node) {
  lowering.bind(node.outputs[0], lowering.reinterpret(lowering.input(0), node.outputs[0]->dtype));
}

// The calibrated model's marker: quantize and dequantize again, so that float shows what int8 will do.
void Calibration::upgrade(Rewriter& r, Node& node) {
  const Attributes axis{{"axis", node.attr_int("axis", 1)}};
  const auto in = node.inputs;
  Value* codes = r.node("QuantizeLinear", in, axis);
  r.result("DequantizeLinear", {codes, in[1], in[2]}, axis);
}

}  // namespace openhb::ops
