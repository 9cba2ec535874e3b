// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "host/compiler/lowering.h"
#include "host/ops/elementwise.h"

namespace openhb::ops {
namespace {

using compiler::Lowering;
using compiler::Order;
using compiler::TensorId;

// `id` with leading extents of 1 so that it has `rank` dimensions.
TensorId raise_rank(Lowering& lowering, TensorId id, size_t rank) {
  const TensorDesc d = lowering.desc(id);
  const size_t missing = rank - d.rank();
  if (missing == 0) return id;
  Shape dims(missing, 1);
  Order order = compiler::identity_order(missing);
  dims.insert(dims.end(), d.dims.begin(), d.dims.end());
  for (uint8_t a : d.order) order.push_back(static_cast<uint8_t>(a + missing));
  return lowering.view(id, dims, order);
}

// Both operands with equal rank and order: that of the larger one.
std::pair<TensorId, TensorId> align(Lowering& lowering, TensorId a, TensorId b) {
  const size_t rank = std::max(lowering.desc(a).rank(), lowering.desc(b).rank());
  a = raise_rank(lowering, a, rank);
  b = raise_rank(lowering, b, rank);
  const bool a_leads = lowering.desc(a).storage != Storage::weights &&
                       (lowering.desc(b).storage == Storage::weights ||
                        lowering.desc(a).elements() >= lowering.desc(b).elements());
  const Order order = lowering.desc(a_leads ? a : b).order;
  return {lowering.in_order(a, order), lowering.in_order(b, order)};
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

}  // namespace

namespace {
// Pow alone may mix types: an integer exponent becomes float32.
TensorId as_float_exponent(Lowering& lowering, const BinaryRow& row, TensorId id) {
  const TensorDesc d = lowering.desc(id);
  if (row.function != BinaryFunction::pow || d.dtype == DType::f32) return id;
  const TensorId converted = lowering.scratch(DType::f32, d.dims, d.order);
  lowering.emit(CastParams{}, {id}, {converted});
  return converted;
}
}  // namespace

void infer_binary(InferContext& c) {
  Shape shape = c.shape(0);
  const bool pow = c.node().op == "Pow";
  if (pow)
    c.require_type(0, {DType::f32});
  else
    c.require_type(0, {DType::f32, DType::i32, DType::i64});
  for (size_t i = 1; i < c.node().inputs.size(); ++i) {
    c.require(c.dtype(i) == c.dtype(0) || pow, "operands must have the same element type");
    shape = broadcast(c, shape, c.shape(i));
  }
  c.set(0, c.dtype(0), shape);
}

QuantRule quant_binary(const Node& node, const BinaryRow& row) {
  if (row.int8_type.empty()) return float_only("the integer engine has no " + std::string(row.op));
  if (node.outputs[0]->dtype != DType::f32) return float_only("it does not work on float data");
  const bool a = node.input(0)->is_constant(), b = node.input(1)->is_constant();
  QuantRule rule{QuantKind::arithmetic, "", {}, 0, true};
  if (!a) rule.activations.push_back(0);
  if (!b) rule.activations.push_back(1);
  return rule;
}

void lower_binary(Lowering& lowering, const Node& node, const BinaryRow& row) {
  if (lowering.int8()) {
    const bool int16 = lowering.int16();
    if (!int16 && row.function == BinaryFunction::mul && multiply_tables(lowering, node)) return;
    const auto fused = lowering.fused_output(node, false);
    const auto operand = [&](size_t i) {
      return int16 ? lowering.as_int16(node.input(i)) : lowering.input(i);
    };
    auto [a, b] = align(lowering, operand(0), operand(1));
    const TensorId y = lowering.output(fused.value, lowering.desc(a).order);
    lowering.emit(integer_params(row.function, lowering.desc(a).quant, lowering.desc(b).quant,
                                 lowering.desc(y).quant, int16),
                  {a, b}, {y});
    return;
  }
  TensorId sum = lowering.input(0);
  if (node.inputs.size() == 1) return lowering.bind(node.outputs[0], sum);
  for (size_t i = 1; i < node.inputs.size(); ++i) {
    auto [a, b] = align(lowering, sum, as_float_exponent(lowering, row, lowering.input(i)));
    const TensorDesc da = lowering.desc(a), db = lowering.desc(b);
    if (i + 1 == node.inputs.size()) {
      sum = lowering.output(node.outputs[0], da.order);
    } else {
      Shape dims = da.dims;
      for (size_t k = 0; k < dims.size(); ++k) dims[k] = dims[k] == 1 ? db.dims[k] : dims[k];
      sum = lowering.scratch(da.dtype, dims, da.order);
    }
    lowering.emit(BinaryParams{row.function, 0, 0, 0}, {a, b}, {sum});
  }
}

}  // namespace openhb::ops
