// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>

#include "common/math/functions.h"
#include "host/compiler/lowering.h"
#include "host/ops/elementwise.h"

namespace openhb::ops {
namespace {

UnaryParams unary_params(const Node& node, const UnaryRow& row) {
  UnaryParams p{row.function, row.alpha_default, row.beta_default};
  if (!row.alpha.empty()) p.alpha = node.attr_float(row.alpha, row.alpha_default);
  if (!row.beta.empty()) p.beta = node.attr_float(row.beta, row.beta_default);
  if (row.function == UnaryFunction::clip) std::tie(p.alpha, p.beta) = compiler::activation_bounds(node);
  return p;
}

}  // namespace

std::optional<UnaryParams> unary_params_of(const Node& node) {
  for (const UnaryRow& row : kUnaryRows)
    if (node.domain.empty() && row.op == node.op) return unary_params(node, row);
  return std::nullopt;
}

void infer_unary(InferContext& c) {
  c.require(c.node().op != "Gelu" || c.node().attr_string("approximate", "none") == "none",
            "only the exact form of Gelu exists (approximate: none)");
  c.set(0, c.dtype(0), c.shape(0));
}

QuantRule quant_unary(const Node& node, const UnaryRow& row) {
  if (row.function == UnaryFunction::clip)
    for (size_t i = 1; i < node.inputs.size(); ++i)
      if (node.input(i) && !node.input(i)->is_constant()) return float_only("its bounds are computed at run time");
  return {QuantKind::table, "", {0}, 0};
}

void lower_unary(compiler::Lowering& lowering, const Node& node, const UnaryRow& row) {
  const UnaryParams params = unary_params(node, row);
  const Value* result = node.outputs[0];
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
  if (lowering.desc(x).dtype != DType::f32)
    fail(ErrorCode::model_unsupported_op, "{}: element type {} is not supported, only float32", node.describe(),
         dtype_name(lowering.desc(x).dtype));
  lowering.emit(params, {x}, {y});
}

}  // namespace openhb::ops
