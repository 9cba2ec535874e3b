// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "common/math/functions.h"
#include "host/ops/elementwise.h"
#include "host/ops/operands.h"
#include "host/ops/rewriter.h"

namespace openhb::ops {
namespace {

UnaryParams unary_params(const Node& node, const UnaryRow& row) {
  UnaryParams p{row.function, row.alpha_default, row.beta_default};
  if (!row.alpha.empty()) p.alpha = node.attr_float(row.alpha, row.alpha_default);
  if (!row.beta.empty()) p.beta = node.attr_float(row.beta, row.beta_default);
  if (row.function == UnaryFunction::clip) std::tie(p.alpha, p.beta) = compiler::activation_bounds(node);
  if (row.function == UnaryFunction::gelu && node.attr_string("approximate", "none") == "tanh")
    p.function = UnaryFunction::gelu_tanh;
  return p;
}

// Max and Min with bounds that may be computed; a bound may have shape [1].
void clip_by_steps(Rewriter& r, const Node& node) {
  Value* x = node.inputs[0];
  const auto bound = [&](size_t i) {
    Value* b = node.input(i);
    if (!b || b->shape.empty()) return b;
    if (num_elements(b->shape) != 1)
      fail(ErrorCode::model_bad_shape, "{}: its input {} has shape {}, expected one number", node.describe(),
           i, to_string(b->shape));
    return r.node("Reshape", {b, r.ints({})});
  };
  Value *lo = bound(1), *hi = bound(2);
  if (!lo && !hi) return r.result(0, x);
  if (!hi) return r.result("Max", {x, lo});
  r.result("Min", {lo ? r.node("Max", {x, lo}) : x, hi});
}

// Integers: the few functions that have them, from Binary ones.
void of_integers(Rewriter& r, const Node& node) {
  Value* x = node.inputs[0];
  const bool sign = !is_unsigned(x->dtype);
  const auto number = [&](int64_t v) { return r.constant(scalar_of(x->dtype, v)); };
  if (node.op == "Clip") return clip_by_steps(r, node);
  if (node.op == "Neg") return r.result("Sub", {number(0), x});
  if (node.op == "Sign") return r.result("Min", {sign ? r.node("Max", {x, number(-1)}) : x, number(1)});
  if (!sign) return r.result(0, x);  // Abs, Relu
  r.result("Max", {x, node.op == "Abs" ? r.node("Sub", {number(0), x}) : number(0)});
}

bool has_integers(std::string_view op) {
  return op == "Abs" || op == "Clip" || op == "Neg" || op == "Relu" || op == "Sign";
}

}  // namespace

std::optional<UnaryParams> unary_params_of(const Node& node) {
  for (const UnaryRow& row : kUnaryRows)
    if (node.domain.empty() && row.op == node.op) return unary_params(node, row);
  return std::nullopt;
}

void upgrade_unary(Rewriter& r, Node& node) {
  if (node.op == "Clip") {
    r.float_to_input("min", 1);
    r.float_to_input("max", 2);
  }
  if (has_integers(node.op) && is_integer(node.input(0)->dtype)) return of_integers(r, node);
  for (size_t i = 1; i < node.inputs.size(); ++i)  // Clip
    if (node.input(i) && !node.input(i)->is_constant()) return clip_by_steps(r, node);
}

void infer_unary(InferContext& c, const UnaryRow& row) {
  c.require_type(0, {DType::f32});
  for (size_t i = 1; i < c.node().inputs.size(); ++i)  // Clip
    if (c.has(i))
      c.require(num_elements(c.shape(i)) == 1 && c.dtype(i) == c.dtype(0),
                "a bound must be one number of the input's type");
  if (row.op == "Gelu") {
    const std::string form = c.node().attr_string("approximate", "none");
    if (form != "none" && form != "tanh")
      fail(ErrorCode::model_bad_attribute, "{}: attribute 'approximate' is '{}', expected none or tanh",
           c.node().describe(), form);
  }
  const UnaryParams p = unary_params(c.node(), row);
  if (std::isnan(p.alpha) || std::isnan(p.beta))
    fail(ErrorCode::model_bad_value, "{}: an attribute or a bound is NaN (not a number)",
         c.node().describe());
  if (row.function == UnaryFunction::celu && p.alpha == 0)
    fail(ErrorCode::model_bad_attribute, "{}: attribute 'alpha' is 0, by which Celu divides",
         c.node().describe());
  c.set(0, c.dtype(0), c.shape(0));
}

QuantRule quant_unary() { return {QuantKind::table, "", {0}, 0, true}; }

void lower_unary(compiler::Lowering& lowering, const Node& node, const UnaryRow& row) {
  const UnaryParams params = unary_params(node, row);
  if (lowering.int8())
    return lower_table(lowering, node, 0, [&](double x) {
      return math::evaluate_unary(params.function, x, static_cast<double>(params.alpha),
                                  static_cast<double>(params.beta));
    });
  const compiler::TensorId x = lowering.input(0);
  const compiler::TensorId y = lowering.output(node.outputs[0], lowering.desc(x).order);
  lowering.emit(params, {x}, {y});
}

}  // namespace openhb::ops
