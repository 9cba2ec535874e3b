// SPDX-License-Identifier: Apache-2.0
#include "host/ops/select.h"

#include <algorithm>
#include <cmath>

#include "host/ops/operands.h"

namespace openhb::ops {

using compiler::Lowering;
using compiler::TensorId;

void Where::infer(InferContext& c) {
  c.require_type(0, {DType::boolean});
  c.require(c.dtype(1) == c.dtype(2), "both branches must have the same element type");
  c.set(0, c.dtype(1), broadcast(c, broadcast(c, c.shape(0), c.shape(1)), c.shape(2)));
}

QuantRule Where::quant(const Node& node) {
  // Masks with -1e9 and the like would take the whole range of the codes.
  constexpr float kLargestConstant = 1e4f;
  QuantRule rule{QuantKind::concat, "", {}, 0};
  for (size_t i : {size_t{1}, size_t{2}}) {
    const Value* v = node.input(i);
    if (v->dtype != DType::f32) return float_only("its data is not float");
    if (!v->is_constant()) {
      rule.activations.push_back(i);
      continue;
    }
    for (float x : v->constant->data<float>())
      if (!(std::fabs(x) <= kLargestConstant))
        return float_only(
            fmt::format("its constant '{}' contains {}, beside which int8 would lose the data", v->name, x));
  }
  return rule;
}

void Where::lower(Lowering& lowering, const Node& node) {
  const Value* result = node.outputs[0];
  std::vector<TensorId> operands{lowering.native(node.input(0))};
  for (size_t i : {size_t{1}, size_t{2}})
    operands.push_back(lowering.int8() ? codes_as(lowering, node.input(i), *result->quant)
                                       : lowering.input(i));
  align(lowering, operands);
  lowering.emit(WhereParams{}, operands, {lowering.output(result, lowering.desc(operands[0]).order)});
}

namespace {
int64_t arg_axis(const Node& node) {
  const int64_t axis = node.attr_int("axis", 0);
  return axis < 0 ? axis + static_cast<int64_t>(node.input(0)->shape.size()) : axis;
}
}  // namespace

void infer_arg(InferContext& c) {
  c.require_type(0, kNumbers);
  const int64_t axis = c.axis(c.node().attr_int("axis", 0), c.rank(0));
  Shape shape = c.shape(0);
  c.require(shape[static_cast<size_t>(axis)] > 0, "there is nothing to choose from along the axis");
  if (c.node().attr_int("keepdims", 1) != 0)
    shape[static_cast<size_t>(axis)] = 1;
  else
    shape.erase(shape.begin() + axis);
  c.set(0, DType::i64, shape);
}

// Codes have the order of the values.
QuantRule quant_arg() { return {QuantKind::arithmetic, "", {0}, 0, true}; }

void lower_arg(Lowering& lowering, const Node& node, bool smallest) {
  TensorId x = lowering.input(0);
  if (!lowering.int8()) x = cast_to(lowering, x, working_type(lowering.desc(x).dtype));
  const int64_t axis = arg_axis(node);
  const ArgParams params{static_cast<int32_t>(compiler::memory_dim(lowering.desc(x), axis)), smallest,
                         node.attr_int("select_last_index", 0) != 0};
  lower_along(lowering, node, x, {axis}, [&](TensorId y) { lowering.emit(params, {x}, {y}); });
}

namespace {
// Of the constant input 1, which may have shape [] or [1].
int64_t cumulate_axis(const Node& node) {
  return static_cast<int64_t>(number_at(constant_number(node, 1), 0));
}
}  // namespace

void infer_cumulate(InferContext& c) {
  c.require_type(0, {DType::f32, DType::i32, DType::u32, DType::i64, DType::u64});
  c.require_type(1, {DType::i32, DType::i64});
  c.axis(cumulate_axis(c.node()), c.rank(0));
  c.set(0, c.dtype(0), c.shape(0));
}

QuantRule quant_cumulate() {
  return float_only("int8 would lose the differences between neighbouring sums or products");
}

void lower_cumulate(Lowering& lowering, const Node& node, CumulateFunction function) {
  const Value* result = node.outputs[0];
  // Unsigned sums and products have the bits of the signed ones.
  const DType type = result->dtype == DType::f32 || result->dtype == DType::i32 ? result->dtype : DType::i64;
  const TensorId x = cast_to(lowering, lowering.input(0), type);
  const TensorDesc d = lowering.desc(x);
  int64_t axis = cumulate_axis(node);
  if (axis < 0) axis += static_cast<int64_t>(d.rank());
  const CumulateParams params{function, static_cast<int32_t>(compiler::memory_dim(d, axis)),
                              node.attr_int("exclusive", 0) != 0, node.attr_int("reverse", 0) != 0};
  if (type == result->dtype) return lowering.emit(params, {x}, {lowering.output(result, d.order)});
  const TensorId wide = lowering.scratch(type, d.dims, d.order);
  lowering.emit(params, {x}, {wide});
  lowering.emit(CastParams{}, {wide}, {lowering.output(result, d.order)});
}

}  // namespace openhb::ops
