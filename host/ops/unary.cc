// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>

#include "common/math/functions.h"
#include "host/compiler/lowering.h"
#include "host/ops/elementwise.h"
#include "host/ops/rewriter.h"

namespace openhb::ops {
namespace {

UnaryParams unary_params(const Node& node, const UnaryRow& row) {
  UnaryParams p{row.function, row.alpha_default, row.beta_default};
  if (!row.alpha.empty()) p.alpha = node.attr_float(row.alpha, row.alpha_default);
  if (!row.beta.empty()) p.beta = node.attr_float(row.beta, row.beta_default);
  if (row.function == UnaryFunction::clip) std::tie(p.alpha, p.beta) = compiler::activation_bounds(node);
  return p;
}

// Bounds that are one float constant each are parameters of the step; others need Max and Min of their own.
bool has_plain_bounds(const Node& node) {
  for (size_t i = 1; i < node.inputs.size(); ++i)
    if (node.input(i) && !node.input(i)->is_constant()) return false;
  return node.input(0)->dtype == DType::f32;
}

void lower_open_clip(compiler::Lowering& lowering, const Node& node) {
  compiler::TensorId x = lowering.input(0);
  const TensorDesc d = lowering.desc(x);
  for (size_t i : {size_t{1}, size_t{2}}) {
    if (!node.input(i)) continue;
    const compiler::TensorId bound =
        lowering.view(lowering.native(node.input(i)), Shape(d.rank(), 1), d.order);
    const bool last = i == 2 || !node.input(2);
    const compiler::TensorId y =
        last ? lowering.output(node.outputs[0], d.order) : lowering.scratch(d.dtype, d.dims, d.order);
    lowering.emit(BinaryParams{i == 1 ? BinaryFunction::max : BinaryFunction::min, 0, 0, 0}, {x, bound}, {y});
    x = y;
  }
  if (!node.input(1) && !node.input(2)) lowering.bind(node.outputs[0], x);
}

// Lut with an int16 side: 256 codes from int8, interpolation from int16.
void lower_int16(compiler::Lowering& lowering, const Node& node, const UnaryParams& p) {
  const Value *from = node.input(0), *result = node.outputs[0];
  const QuantParams& to = *result->quant;
  const compiler::TensorId x = lowering.input(0);
  compiler::TensorId table = 0;
  if (from->codes == DType::i16) {
    const auto g = [&](double v) {
      return math::evaluate_unary(p.function, v, static_cast<double>(p.alpha), static_cast<double>(p.beta));
    };
    const auto knots = compiler::interpolation_table(g, from->quant->scale(), to, result->codes);
    table = lowering.constant<int32_t>({static_cast<int64_t>(knots.size())}, knots);
  } else {
    std::vector<float> real;
    for (int q = -128; q < 128; ++q) {
      const float v = static_cast<float>(q - from->quant->zero_point()) * from->quant->scale();
      real.push_back(static_cast<float>(math::evaluate_unary(p.function, v, p.alpha, p.beta)));
    }
    table = lowering.constant<int16_t>({256}, compiler::quantize_codes_int16(real, to));
  }
  const compiler::TensorId y = lowering.output(result, lowering.desc(x).order);
  lowering.emit(LutParams{}, {x, table}, {y});
}

}  // namespace

std::optional<UnaryParams> unary_params_of(const Node& node) {
  for (const UnaryRow& row : kUnaryRows)
    if (node.domain.empty() && row.op == node.op) return unary_params(node, row);
  return std::nullopt;
}

void upgrade_unary(Rewriter& r, Node& node) {
  if (node.op != "Clip") return;
  r.float_to_input("min", 1);
  r.float_to_input("max", 2);
}

void infer_unary(InferContext& c) {
  c.require_support(c.node().op != "Gelu" || c.node().attr_string("approximate", "none") == "none",
                    "only the exact form of Gelu exists (approximate: none)");
  if (c.node().op == "Clip") {
    c.require_type(0, {DType::f32, DType::i32, DType::i64});
    for (size_t i : {size_t{1}, size_t{2}})
      if (c.has(i))
        c.require(num_elements(c.shape(i)) == 1 && c.dtype(i) == c.dtype(0),
                  "a bound must be one number of the input's type");
  } else {
    c.require_type(0, {DType::f32});
  }
  c.set(0, c.dtype(0), c.shape(0));
}

QuantRule quant_unary(const Node& node, const UnaryRow& row) {
  if (row.op == "Clip" && !has_plain_bounds(node)) return float_only("its bounds are computed at run time");
  return {QuantKind::table, "", {0}, 0, true};
}

void lower_unary(compiler::Lowering& lowering, const Node& node, const UnaryRow& row) {
  if (row.op == "Clip" && !has_plain_bounds(node)) return lower_open_clip(lowering, node);
  const UnaryParams params = unary_params(node, row);
  const Value* result = node.outputs[0];
  if (lowering.int16()) return lower_int16(lowering, node, params);
  if (lowering.int8()) {
    const auto pending = lowering.deferred(node.input(0));
    const compiler::TensorId base = pending ? pending->base : lowering.input(0);
    const QuantParams& from = pending ? *node.input(0)->quant : lowering.desc(base).quant;
    const QuantParams& to = *result->quant;
    compiler::Table table{};
    for (int q = -128; q < 128; ++q) {
      const int code = pending ? pending->table[static_cast<size_t>(q + 128)] : q;
      const float x = static_cast<float>(code - from.zero_point()) * from.scale();
      const auto g = static_cast<float>(math::evaluate_unary(params.function, x, params.alpha, params.beta));
      table[static_cast<size_t>(q + 128)] = compiler::quantize_codes({&g, 1}, to)[0];
    }
    lowering.defer_table(result, base, table);
    return;
  }
  const compiler::TensorId x = lowering.input(0);
  const compiler::TensorId y = lowering.output(result, lowering.desc(x).order);
  lowering.emit(params, {x}, {y});
}

}  // namespace openhb::ops
