// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "common/math/elementary.h"
#include "host/ops/elementwise.h"
#include "host/ops/operands.h"
#include "host/ops/rewriter.h"

namespace openhb::ops {
namespace {

using compiler::Lowering;
using compiler::TensorId;

BinaryFunction function_of(const Node& node, const BinaryRow& row) {
  if (row.function == BinaryFunction::mod && node.attr_int("fmod", 0) != 0) return BinaryFunction::fmod;
  if (row.function == BinaryFunction::shift_left && node.attr_string("direction", "") == "RIGHT")
    return BinaryFunction::shift_right;
  return row.function;
}

bool is_comparison(BinaryFunction f) {
  return f == BinaryFunction::equal || f == BinaryFunction::less || f == BinaryFunction::less_equal;
}
bool selects(const BinaryRow& row) {
  return row.function == BinaryFunction::max || row.function == BinaryFunction::min;
}

// The single float constant of a pair whose other operand is computed: its position.
std::optional<size_t> constant_operand(const Node& node) {
  for (size_t i : {size_t{0}, size_t{1}}) {
    const Value *v = node.input(i), *other = node.input(1 - i);
    if (v->is_constant() && !other->is_constant() && v->dtype == DType::f32 && v->constant->size() == 1 &&
        num_elements(v->shape) <= 1 && v->shape.size() <= other->shape.size())
      return i;
  }
  return std::nullopt;
}

// Functions that become a table when one operand is a single constant.
bool makes_table(const Node& node, const BinaryRow& row) {
  const bool has_tables = row.function == BinaryFunction::div || row.function == BinaryFunction::pow ||
                          row.function == BinaryFunction::prelu || selects(row);
  const auto constant = constant_operand(node);
  return has_tables && constant && (row.function != BinaryFunction::prelu || *constant == 1);
}

// The float step on binary64 arguments; one rounding to float gives its bits.
double apply(BinaryFunction f, double a, double b) {
  switch (f) {
    case BinaryFunction::div:
      return a / b;
    case BinaryFunction::pow:
      return math::pow(a, b);
    case BinaryFunction::max:
      return a > b || a != a ? a : b;
    case BinaryFunction::min:
      return a < b || a != a ? a : b;
    default:
      return a >= 0 ? a : a * b;  // prelu
  }
}

BinaryParams integer_params(BinaryFunction function, const QuantParams& a, const QuantParams& b,
                            const QuantParams& y, bool int16) {
  BinaryParams p{function, 0, 0, 0};
  if (function == BinaryFunction::mul) {
    p.fa = (a.scale() * b.scale()) / y.scale();
    return p;
  }
  // Stock ONNX Runtime's x86-64 form on u = q + 128 (docs/numerics.md).
  p.fa = a.scale() / y.scale();
  p.fb = b.scale() / y.scale();
  if (function == BinaryFunction::sub) p.fb = -p.fb;
  if (int16) return p;
  auto u = [](const QuantParams& q) { return static_cast<float>(q.zero_point() + 128); };
  p.k = u(y) - std::fmaf(p.fa, u(a), p.fb * u(b));
  return p;
}

// Mul(x, g(x)) over one stored tensor is a table of its own, with the bytes of the two separate steps.
bool multiply_tables(Lowering& lowering, const Node& node) {
  const Value *a = node.input(0), *b = node.input(1);
  auto da = lowering.deferred(a), db = lowering.deferred(b);
  if (!da && !db) return false;
  compiler::Table identity{};
  for (int q = -128; q < 128; ++q) identity[static_cast<size_t>(q + 128)] = static_cast<int8_t>(q);
  if (!da && !a->is_constant()) da = Lowering::Deferred{lowering.as_codes(a), identity};
  if (!db && !b->is_constant()) db = Lowering::Deferred{lowering.as_codes(b), identity};
  if (!da || !db || da->base != db->base) return false;
  const QuantParams &qa = *a->quant, &qb = *b->quant, &qy = *node.outputs[0]->quant;
  const float r = integer_params(BinaryFunction::mul, qa, qb, qy, false).fa;
  compiler::Table table{};
  for (size_t i = 0; i < 256; ++i) {
    const int p = (da->table[i] - qa.zero_point()) * (db->table[i] - qb.zero_point());
    const float scaled = static_cast<float>(p) * r;
    const float v = std::nearbyint(scaled + static_cast<float>(qy.zero_point() + 128));
    table[i] = static_cast<int8_t>(std::clamp(v, 0.0f, 255.0f) - 128.0f);
  }
  lowering.defer_table(node.outputs[0], da->base, table);
  return true;
}

void lower_codes(Lowering& lowering, const Node& node, const BinaryRow& row) {
  const BinaryFunction function = row.function;
  const bool int16 = lowering.int16();
  if (makes_table(node, row)) {
    const size_t constant = *constant_operand(node);
    const auto number = static_cast<double>(node.input(constant)->constant->data<float>()[0]);
    return lower_table(lowering, node, 1 - constant, [&](double x) {
      return constant == 1 ? apply(function, x, number) : apply(function, number, x);
    });
  }
  if (!int16 && function == BinaryFunction::mul && multiply_tables(lowering, node)) return;
  const bool arithmetic =
      function == BinaryFunction::add || function == BinaryFunction::sub || function == BinaryFunction::mul;
  const auto fused = arithmetic ? lowering.fused_output(node, false) : Lowering::Fused{node.outputs[0], 0, 0};
  const auto operand = [&](size_t i) {
    if (int16) return lowering.as_int16(node.input(i));
    if (selects(row)) return codes_as(lowering, node.input(i), *node.outputs[0]->quant);
    return lowering.input(i);
  };
  std::vector<TensorId> operands{operand(row.swapped ? 1 : 0), operand(row.swapped ? 0 : 1)};
  align(lowering, operands);
  const TensorId y = lowering.output(fused.value, lowering.desc(operands[0]).order);
  BinaryParams params{function, 0, 0, 0};
  if (arithmetic || int16)
    params = integer_params(function, lowering.desc(operands[0]).quant, lowering.desc(operands[1]).quant,
                            lowering.desc(y).quant, int16);
  lowering.emit(params, operands, {y});
}

// PRelu with constant slopes: one factor for each, and one for positive values.
void lower_prelu_codes(Lowering& lowering, const Node& node) {
  const TensorId x = lowering.input(0);
  const float sx = lowering.desc(x).quant.scale(), sy = node.outputs[0]->quant->scale();
  Tensor factors = *node.input(1)->constant;
  for (float& v : factors.data<float>()) v = sx * v / sy;
  std::vector<TensorId> operands{x, lowering.constant(factors)};
  align(lowering, operands);
  const TensorId y = lowering.output(node.outputs[0], lowering.desc(operands[0]).order);
  lowering.emit(BinaryParams{BinaryFunction::prelu, sx / sy, 0, 0}, operands, {y});
}

// Pow alone may mix types. Integers to an integer power stay integers, anything else is computed in float.
DType common_type(const Node& node, const BinaryRow& row) {
  const DType a = node.input(0)->dtype, b = node.input(1)->dtype;
  if (row.function != BinaryFunction::pow || a == b) return working_type(a);
  if (a == DType::f32 || b == DType::f32) return DType::f32;
  return DType::i64;
}

}  // namespace

// Before opset 7 one slope per channel was a list: it still is found, where it does not broadcast as written.
void upgrade_slope(Rewriter& r, Node& node) {
  const Shape &x = node.input(0)->shape, &slope = node.input(1)->shape;
  if (slope.size() != 1 || x.size() < 3 || slope[0] != x[1] || slope[0] == x.back() || slope[0] == 1) return;
  std::vector<int64_t> shape(x.size() - 1, 1);
  shape[0] = slope[0];
  r.set_input(1, r.node("Reshape", {node.input(1), r.ints(shape)}));
}

void upgrade_binary(Rewriter& r, Node& node, const BinaryRow& row) {
  if (row.op == "PRelu") return upgrade_slope(r, node);
  if (row.max_inputs == 2 || node.inputs.size() == 2) return;
  Value* value = node.inputs[0];
  if (node.inputs.size() == 1) return r.result(0, value);
  const std::vector<Value*> inputs = node.inputs;
  const std::string op = node.op;
  for (size_t i = 1; i + 1 < inputs.size(); ++i) value = r.node(op, {value, inputs[i]});
  r.result(op, {value, inputs.back()});
}

void infer_binary(InferContext& c, const BinaryRow& row) {
  const Node& node = c.node();
  c.require_type(0, row.types);
  if (row.function == BinaryFunction::pow)
    c.require_type(1, kNumbers);
  else
    c.require(c.dtype(0) == c.dtype(1), "operands must have the same element type");
  if (row.function == BinaryFunction::mod && c.dtype(0) == DType::f32 && node.attr_int("fmod", 0) == 0)
    fail(ErrorCode::model_bad_attribute, "{}: attribute 'fmod' is 0, which ONNX allows for integers only",
         node.describe());
  if (row.op == "BitShift") {
    const std::string direction = node.attr_string("direction", "");
    if (direction != "LEFT" && direction != "RIGHT")
      fail(ErrorCode::model_bad_attribute, "{}: attribute 'direction' is '{}', expected LEFT or RIGHT",
           node.describe(), direction);
  }
  const Shape shape = broadcast(c, c.shape(0), c.shape(1));
  if (row.function == BinaryFunction::prelu)
    c.require(shape == c.shape(0), "the slope must broadcast to the input's shape");
  c.set(0, is_comparison(row.function) ? DType::boolean : c.dtype(0), shape);
}

QuantRule quant_binary(const Node& node, const BinaryRow& row) {
  if (!row.integer) return float_only("it does not compute with real numbers");
  if (node.input(0)->dtype != DType::f32) return float_only("its data is not float");
  const bool a = node.input(0)->is_constant(), b = node.input(1)->is_constant();
  QuantRule rule{QuantKind::arithmetic, "", {}, 0};
  if (!a) rule.activations.push_back(0);
  if (!b) rule.activations.push_back(1);
  rule.int16 = row.int16;
  if (makes_table(node, row)) {
    rule.kind = QuantKind::table;
    rule.int16 = true;
  } else if (row.function == BinaryFunction::pow) {
    return float_only("its exponent is not a single constant");
  } else if (row.function == BinaryFunction::prelu) {
    if (!b || a) return float_only("its slopes are computed at run time; constant slopes would make it int8");
    rule.kind = QuantKind::table;  // its constants are not codes
  } else if (selects(row)) {
    rule.kind = QuantKind::concat;
  }
  if (row.on_request) rule.reason = fmt::format("{} runs in float unless run_on_bpu names the node", row.op);
  if (row.function == BinaryFunction::div && rule.kind == QuantKind::arithmetic)
    rule.reason =
        "int8 quotients are coarse where the divisor is small; it runs in float unless run_on_bpu names "
        "the node";
  rule.on_request = !rule.reason.empty();
  return rule;
}

void lower_binary(Lowering& lowering, const Node& node, const BinaryRow& row) {
  if (lowering.int8())
    return row.function == BinaryFunction::prelu && !makes_table(node, row)
               ? lower_prelu_codes(lowering, node)
               : lower_codes(lowering, node, row);
  const DType type = common_type(node, row);
  std::vector<TensorId> operands{cast_to(lowering, lowering.input(row.swapped ? 1 : 0), type),
                                 cast_to(lowering, lowering.input(row.swapped ? 0 : 1), type)};
  align(lowering, operands);
  const Value* result = node.outputs[0];
  const BinaryParams params{function_of(node, row), 0, 0, 0};
  const compiler::Order order = lowering.desc(operands[0]).order;
  if (result->dtype == type || is_comparison(row.function))
    return lowering.emit(params, operands, {lowering.output(result, order)});
  const TensorId wide = lowering.scratch(type, broadcast_dims(lowering, operands), order);
  lowering.emit(params, operands, {wide});
  lowering.emit(CastParams{}, {wide}, {lowering.output(result, order)});
}

}  // namespace openhb::ops
