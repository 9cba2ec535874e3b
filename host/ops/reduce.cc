// SPDX-License-Identifier: Apache-2.0
#include "host/ops/reduce.h"

#include <algorithm>
#include <limits>

#include "common/math/elementary.h"
#include "host/ops/operands.h"
#include "host/ops/rewriter.h"

namespace openhb::ops {
namespace {

using compiler::Lowering;
using compiler::TensorId;

std::vector<int64_t> reduced_axes(const Node& node) {
  const auto rank = static_cast<int64_t>(node.input(0)->shape.size());
  std::vector<int64_t> axes = constant_ints(node, 1);
  if (axes.empty() && node.attr_int("noop_with_empty_axes", 0) == 0)
    for (int64_t i = 0; i < rank; ++i) axes.push_back(i);
  for (auto& a : axes) {
    if (a < -rank || a >= rank)
      fail(ErrorCode::model_bad_attribute, "{}: axis {} is out of range for rank {}", node.describe(), a,
           rank);
    if (a < 0) a += rank;
  }
  std::sort(axes.begin(), axes.end());
  axes.erase(std::unique(axes.begin(), axes.end()), axes.end());
  return axes;
}

bool over_plane(const Node& node) {
  return node.input(0)->shape.size() == 4 && reduced_axes(node) == std::vector<int64_t>{2, 3};
}

}  // namespace

void upgrade_reduce(Rewriter& r, Node& node, const ReduceRow& row) {
  using enum ReduceFunction;
  r.ints_to_input("axes", 1);
  Value* x = node.inputs[0];
  const bool all = !node.input(1) || constant_ints(node, 1).empty();
  if (all && node.attr_int("noop_with_empty_axes", 0) != 0) {  // each element alone
    if (row.function == l1 || row.function == l2) return r.result("Abs", {x});
    if (row.function == sum_square) return r.result("Mul", {x, x});
    return r.result(0, x);
  }
  if (row.function != l2 || !is_integer(x->dtype)) return;
  const int64_t type = onnx_type(x->dtype);
  Value* real = r.node("Cast", {x}, {{"to", onnx_type(DType::f32)}});
  Value* axes = node.input(1);
  Value* norm = r.node(node.op, {real, axes}, {{"keepdims", node.attr_int("keepdims", 1)}});
  r.result("Cast", {norm}, {{"to", type}});
}

void infer_reduce(InferContext& c, const ReduceRow& row) {
  const bool extreme = row.function == ReduceFunction::max || row.function == ReduceFunction::min;
  if (!extreme || c.dtype(0) != DType::boolean) c.require_type(0, kNumbers);
  const bool keep = c.node().attr_int("keepdims", 1) != 0;
  const auto axes = reduced_axes(c.node());
  Shape shape;
  for (int64_t i = 0; i < c.rank(0); ++i) {
    const bool reduced = std::find(axes.begin(), axes.end(), i) != axes.end();
    if (!reduced)
      shape.push_back(c.shape(0)[static_cast<size_t>(i)]);
    else if (keep)
      shape.push_back(1);
  }
  c.set(0, c.dtype(0), shape);
}

QuantRule quant_reduce(const Node& node, const ReduceRow& row) {
  constexpr int64_t kMaxCodes = int64_t{1} << 23;  // that int32 sums up
  switch (row.function) {
    case ReduceFunction::max:
    case ReduceFunction::min:
      return {QuantKind::passive, "", {0}, 0, true};
    case ReduceFunction::sum:
    case ReduceFunction::mean:
      break;
    default:
      return float_only("the integer engine has no " + std::string(row.op));
  }
  int64_t count = 1;
  for (int64_t a : reduced_axes(node)) count *= node.input(0)->shape[static_cast<size_t>(a)];
  if (count >= kMaxCodes) return float_only(fmt::format("an int32 sum of {} codes could overflow", count));
  return {QuantKind::arithmetic, "", {0}, 0, true};
}

void lower_reduce(Lowering& lowering, const Node& node, const ReduceRow& row) {
  const auto axes = reduced_axes(node);
  const bool mean_of_plane =
      row.function == ReduceFunction::mean && over_plane(node) && node.input(0)->dtype == DType::f32;
  TensorId x = lowering.int16() ? lowering.as_int16(node.input(0)) : lowering.input(0);
  if (mean_of_plane) {
    x = lowering.in_order(x, compiler::channels_last(4));
    return lower_along(lowering, node, x, axes, [&](TensorId y) {
      lowering.emit(PoolParams{.mode = PoolMode::global_average}, {x}, {y});
    });
  }
  std::optional<DType> wide;
  if (!lowering.int8()) {
    const DType dtype = node.input(0)->dtype;
    wide = dtype == DType::boolean ? DType::i32 : working_type(dtype);
    x = cast_to(lowering, x, *wide);
  }
  ReduceParams params{row.function, {}};
  for (int64_t a : axes)
    params.axes.push_back(static_cast<int64_t>(compiler::memory_dim(lowering.desc(x), a)));
  std::sort(params.axes.begin(), params.axes.end());
  lower_along(lowering, node, x, axes, [&](TensorId y) { lowering.emit(params, {x}, {y}); }, wide);
}

// Before opset 13 all axes from `axis` on were one: a matrix, and back.
void upgrade_softmax(Rewriter& r, Node& node) {
  if (r.opset() >= 13) return;
  const Shape shape = node.input(0)->shape;
  const auto rank = static_cast<int64_t>(shape.size());
  int64_t axis = node.attr_int("axis", 1);
  if (axis < -rank || axis >= std::max<int64_t>(rank, 1))
    fail(ErrorCode::model_bad_attribute, "{}: axis {} is out of range for rank {}", node.describe(), axis,
         rank);
  if (axis < 0) axis += rank;
  node.attributes["axis"] = axis;
  const int64_t inner = num_elements(Shape(shape.begin() + axis, shape.end()));
  if (rank == 0 || inner == shape[static_cast<size_t>(axis)]) return;
  const Shape matrix{num_elements(Shape(shape.begin(), shape.begin() + axis)), inner};
  Value* rows = r.node("Reshape", {node.input(0), r.ints(matrix)});
  r.result("Reshape", {r.node(node.op, {rows}, {{"axis", int64_t{1}}}), r.ints(shape)});
}

void infer_softmax(InferContext& c) {
  c.require_type(0, {DType::f32});
  c.axis(c.node().attr_int("axis", -1), c.rank(0));
  c.set(0, c.dtype(0), c.shape(0));
}

QuantRule quant_softmax(bool log) {
  if (log) return float_only("int8 would lose the logarithms of small probabilities");
  QuantRule rule{QuantKind::arithmetic, "Softmax runs in float unless run_on_bpu names the node", {0}, 0};
  rule.on_request = true;
  rule.output = QuantParams{{1.0f / 256}, {-128}, -1};
  return rule;
}

namespace {
// Powers of e by distance from the largest code, scaled up so that small ones keep their precision; stock
// ONNX Runtime's table (docs/numerics.md).
Tensor powers(float scale, int64_t extent) {
  const auto sx = static_cast<double>(scale);
  const double room = math::log(static_cast<double>(std::numeric_limits<float>::max()) /
                                static_cast<double>(std::max<int64_t>(extent, 1)));
  const double shift = std::max(0.0, room - 5) / sx;
  Tensor table(DType::f32, {256});
  for (size_t i = 0; i < 256; ++i)
    table.data<float>()[i] = static_cast<float>(math::exp((static_cast<double>(i) - 255 + shift) * sx));
  return table;
}
}  // namespace

void lower_softmax(Lowering& lowering, const Node& node, bool log) {
  const Value* result = node.outputs[0];
  int64_t axis = node.attr_int("axis", -1);
  if (axis < 0) axis += static_cast<int64_t>(result->shape.size());
  const TensorId x = lowering.input(0);
  const TensorDesc d = lowering.desc(x);
  std::vector<TensorId> inputs{x};
  if (lowering.int8())
    inputs.push_back(lowering.constant(powers(d.quant.scale(), result->shape[static_cast<size_t>(axis)])));
  lowering.emit(SoftmaxParams{static_cast<int32_t>(compiler::memory_dim(d, axis)), log}, inputs,
                {lowering.output(result, d.order)});
}

}  // namespace openhb::ops
