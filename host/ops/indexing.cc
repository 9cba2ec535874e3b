// SPDX-License-Identifier: Apache-2.0
// Gathers and scatters.
#include "host/ops/indexing.h"

#include <algorithm>

#include "host/ops/plain.h"
#include "host/ops/rewriter.h"

namespace openhb::ops {
namespace {

using compiler::Lowering;
using compiler::TensorId;

size_t axis_of(const Node& node, int64_t fallback = 0) {
  const int64_t axis = node.attr_int("axis", fallback);
  return static_cast<size_t>(axis < 0 ? axis + static_cast<int64_t>(node.input(0)->shape.size()) : axis);
}

QuantRule moves_codes(const Node& node) {
  if (node.input(0)->is_constant()) return float_only("its data is a constant, which it reads in float");
  return {QuantKind::passive, "", {0}, 0, true};
}

// Indices of an element-wise gather or scatter: the data's rank, not larger beside the axis.
size_t check_elements(InferContext& c) {
  c.require_type(1, {DType::i32, DType::i64});
  const auto axis = static_cast<size_t>(c.axis(c.node().attr_int("axis", 0), c.rank(0)));
  c.require(c.rank(1) == c.rank(0), "data and indices must have the same rank");
  for (size_t i = 0; i < c.shape(0).size(); ++i)
    c.require(i == axis || c.shape(1)[i] <= c.shape(0)[i],
              fmt::format("the indices have extent {} along axis {}, the data {}", c.shape(1)[i], i,
                          c.shape(0)[i]));
  check_constant_indices(c, 1, c.shape(0)[axis]);
  return axis;
}

}  // namespace

void GatherElements::infer(InferContext& c) {
  const size_t axis = check_elements(c);
  c.require(c.shape(0)[axis] > 0 || num_elements(c.shape(1)) == 0, "there is nothing to choose from");
  c.set(0, c.dtype(0), c.shape(1));
}
QuantRule GatherElements::quant(const Node& node) { return moves_codes(node); }
void GatherElements::lower(Lowering& lowering, const Node& node) {
  const TensorId x = plain(lowering, lowering.input(0)), indices = plain_native(lowering, node, 1);
  const TensorId y = plain_output(lowering, node.outputs[0]);
  lowering.emit(GatherElementsParams{static_cast<int32_t>(axis_of(node))}, {x, indices}, {y});
}

namespace {
// Index tuples [..., depth] into `target`, whose dimensions from `batch` on they count.
size_t check_tuples(InferContext& c, size_t batch) {
  c.require_type(1, {DType::i32, DType::i64});
  c.require(c.rank(1) >= 1 && c.rank(0) >= 1, "data and indices must have at least one dimension");
  const Shape &data = c.shape(0), &indices = c.shape(1);
  c.require(batch < indices.size() && batch <= data.size(), "batch_dims is out of range");
  const int64_t depth = indices.back();
  c.require(depth >= 1 && depth <= static_cast<int64_t>(data.size() - batch),
            fmt::format("index tuples of {} do not fit data of rank {}", depth, data.size()));
  if (c.constant(1)) {
    const auto values = c.ints(1);
    for (size_t i = 0; i < values.size(); ++i) {
      const int64_t n = data[batch + i % static_cast<size_t>(depth)];
      c.require(values[i] >= -n && values[i] < n,
                fmt::format("index {} is out of range for extent {}", values[i], n));
    }
  }
  return static_cast<size_t>(depth);
}

// The extents of all slices that the tuples name.
Shape slices_shape(InferContext& c, size_t batch, size_t depth) {
  Shape shape(c.shape(1).begin(), c.shape(1).end() - 1);
  shape.insert(shape.end(), c.shape(0).begin() + static_cast<std::ptrdiff_t>(batch + depth),
               c.shape(0).end());
  return shape;
}
}  // namespace

void GatherND::infer(InferContext& c) {
  const int64_t batch = c.node().attr_int("batch_dims", 0);
  c.require(batch >= 0 && batch < static_cast<int64_t>(kMaxRank), "batch_dims is out of range");
  const auto b = static_cast<size_t>(batch);
  const size_t depth = check_tuples(c, b);
  for (size_t i = 0; i < b; ++i) c.require(c.shape(0)[i] == c.shape(1)[i], "the batch dimensions differ");
  const Shape shape = slices_shape(c, b, depth);
  for (size_t i = b; i < b + depth; ++i)
    c.require(c.shape(0)[i] > 0 || num_elements(shape) == 0, "there is nothing to choose from");
  c.set(0, c.dtype(0), shape);
}
QuantRule GatherND::quant(const Node& node) { return moves_codes(node); }
void GatherND::lower(Lowering& lowering, const Node& node) {
  const TensorId x = plain(lowering, lowering.input(0)), indices = plain_native(lowering, node, 1);
  const TensorId y = plain_output(lowering, node.outputs[0]);
  lowering.emit(GatherNdParams{static_cast<int32_t>(node.attr_int("batch_dims", 0))}, {x, indices}, {y});
}

namespace {
void check_scatter(InferContext& c) {
  c.require(c.dtype(2) == c.dtype(0), "data and updates must have the same element type");
  const std::string reduction = c.node().attr_string("reduction", "none");
  if (reduction != "none" && reduction != "add" && reduction != "mul" && reduction != "max" &&
      reduction != "min")
    fail(ErrorCode::model_bad_attribute,
         "{}: attribute 'reduction' is '{}', expected none, add, mul, max or min", c.node().describe(),
         reduction);
}

ScatterReduction reduction_of(const Node& node) {
  constexpr std::string_view kNames[] = {"none", "add", "mul", "max", "min"};
  const auto* found = std::find(std::begin(kNames), std::end(kNames), node.attr_string("reduction", "none"));
  return static_cast<ScatterReduction>(found - std::begin(kNames));
}

// Plain replacement moves codes of data and updates; the others compute with real values.
QuantRule scatter_rule(const Node& node) {
  if (reduction_of(node) != ScatterReduction::none)
    return float_only("it combines updates with the data, which runs in float");
  if (node.input(0)->is_constant() || node.input(2)->is_constant())
    return float_only("its data or its updates are a constant, which it reads in float");
  return {QuantKind::concat, "", {0, 2}, 0, true};
}

// Input i in the form of the output: requantized where the codes differ.
TensorId scatter_operand(Lowering& lowering, const Node& node, size_t i) {
  const TensorId id = plain(lowering, lowering.input(i));
  if (!lowering.int8()) return id;
  const Value* result = node.outputs[0];
  const TensorDesc d = lowering.desc(id);
  if (d.dtype == result->codes && d.quant == *result->quant) return id;
  const TensorId codes = lowering.scratch(result->codes, d.dims, d.order, *result->quant);
  lowering.emit(QuantizeParams{}, {id}, {codes});
  return codes;
}

template <class Params>
void lower_scatter(Lowering& lowering, const Node& node, Params params) {
  const TensorId x = scatter_operand(lowering, node, 0), updates = scatter_operand(lowering, node, 2);
  const TensorId indices = plain_native(lowering, node, 1), y = plain_output(lowering, node.outputs[0]);
  lowering.emit(params, {x, indices, updates}, {y});
}
}  // namespace

void ScatterElements::infer(InferContext& c) {
  check_scatter(c);
  check_elements(c);
  c.require(c.shape(2) == c.shape(1), "indices and updates must have the same shape");
  c.set(0, c.dtype(0), c.shape(0));
}
QuantRule ScatterElements::quant(const Node& node) { return scatter_rule(node); }
void ScatterElements::lower(Lowering& lowering, const Node& node) {
  lower_scatter(lowering, node,
                ScatterElementsParams{static_cast<int32_t>(axis_of(node)), reduction_of(node)});
}

void Scatter::upgrade(Rewriter&, Node& node) { node.op = "ScatterElements"; }

void ScatterND::infer(InferContext& c) {
  check_scatter(c);
  const size_t depth = check_tuples(c, 0);
  c.require(c.shape(2) == slices_shape(c, 0, depth), "the updates do not have the shape of the slices");
  c.set(0, c.dtype(0), c.shape(0));
}
QuantRule ScatterND::quant(const Node& node) { return scatter_rule(node); }
void ScatterND::lower(Lowering& lowering, const Node& node) {
  lower_scatter(lowering, node, ScatterNdParams{reduction_of(node)});
}

// A cache that every batch entry continues at its own position: a scatter along the sequence axis.
void TensorScatter::upgrade(Rewriter& r, Node& node) {
  Value *cache = node.inputs[0], *update = node.inputs[1], *first = node.input(2);
  const Shape &shape = cache->shape, &part = update->shape;
  const auto rank = static_cast<int64_t>(shape.size());
  int64_t axis = node.attr_int("axis", -2);
  if (axis < 0) axis += rank;
  const std::string mode = node.attr_string("mode", "linear");
  if (axis < 1 || axis >= rank || part.size() != shape.size() || (mode != "linear" && mode != "circular"))
    fail(ErrorCode::model_bad_attribute,
         "{}: axis {}, mode '{}' and an update of shape {} do not fit a cache of shape {}", node.describe(),
         axis, mode, to_string(part), to_string(shape));
  require_foldable(r, part);
  const auto a = static_cast<size_t>(axis);
  Shape along(shape.size(), 1), across(shape.size(), 1);
  along[a] = part[a], across[0] = part[0];
  std::vector<int64_t> steps(static_cast<size_t>(part[a]));
  for (size_t i = 0; i < steps.size(); ++i) steps[i] = static_cast<int64_t>(i);
  Value* indices = r.constant(Tensor::from<int64_t>(along, steps));
  if (first) {
    Value* start = r.node("Reshape", {first, r.ints(across)});
    indices = r.node("Add", {start, indices});
    if (mode == "circular") {  // positions are never negative
      Value* extent = r.ints({shape[a]});
      Value* rounds = r.node("Mul", {r.node("Div", {indices, extent}), extent});
      indices = r.node("Sub", {indices, rounds});
    }
  }
  indices = r.node("Expand", {indices, r.ints(part)});
  r.result("ScatterElements", {cache, indices, update}, {{"axis", axis}});
}

void Compress::upgrade(Rewriter& r, Node& node) {
  const Value* condition = node.inputs[1];
  if (!condition->is_constant())
    fail(ErrorCode::model_dynamic_shape,
         "{}: its condition '{}' is computed at run time but decides the result's shape; it must be constant",
         node.describe(), condition->name);
  if (condition->dtype != DType::boolean || condition->shape.size() != 1)
    fail(ErrorCode::model_structure, "{}: the condition must be a list of bool", node.describe());
  std::vector<int64_t> chosen;
  const auto bytes = condition->constant->bytes();
  for (size_t i = 0; i < bytes.size(); ++i)
    if (bytes[i] != std::byte{0}) chosen.push_back(static_cast<int64_t>(i));
  Value* data = node.inputs[0];
  int64_t axis = 0;
  if (node.attributes.contains("axis"))
    axis = node.attr_int("axis", 0);
  else
    data = r.node("Reshape", {data, r.ints({-1})});
  r.result("Gather", {data, r.ints(chosen)}, {{"axis", axis}});
}

}  // namespace openhb::ops
