// SPDX-License-Identifier: Apache-2.0
#include "host/ops/reduce.h"

#include <algorithm>

#include "host/compiler/lowering.h"
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

void upgrade_reduce(Rewriter& r) { r.ints_to_input("axes", 1); }

void infer_reduce(InferContext& c) {
  c.require_type(0, {DType::f32});
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
  if (row.function != ReduceFunction::mean)
    return float_only("the integer engine has no " + std::string(row.op));
  if (!over_plane(node)) return float_only("only the mean over height and width is an integer step");
  return {QuantKind::arithmetic, "", {0}, 0, true};
}

void lower_reduce(Lowering& lowering, const Node& node, const ReduceRow& row) {
  const Value* result = node.outputs[0];
  const auto axes = reduced_axes(node);
  if (axes.empty()) return lowering.bind(result, lowering.input(0));
  const bool mean_of_plane = row.function == ReduceFunction::mean && over_plane(node);
  const TensorId stored = lowering.int16() ? lowering.as_int16(node.input(0)) : lowering.input(0);
  const TensorId x = mean_of_plane ? lowering.in_order(stored, compiler::channels_last(4)) : stored;
  const TensorDesc in = lowering.desc(x);
  Shape dims = in.dims;
  ReduceParams params{row.function, {}};
  for (int64_t a : axes) {
    params.axes.push_back(static_cast<int64_t>(compiler::memory_dim(in, a)));
    dims[static_cast<size_t>(params.axes.back())] = 1;
  }
  std::sort(params.axes.begin(), params.axes.end());
  // The output in ONNX order is a reshape of the reduced tensor: extents of 1 can stand anywhere.
  const TensorId y = lowering.output(result, compiler::identity_order(result->shape.size()));
  TensorId full = lowering.scratch(lowering.desc(y).dtype, dims, in.order, lowering.desc(y).quant);
  compiler::Order kept;
  for (auto axis : in.order)
    if (std::find(axes.begin(), axes.end(), axis) == axes.end()) kept.push_back(axis);
  const bool direct = std::is_sorted(kept.begin(), kept.end());
  if (direct) full = lowering.view(y, dims, in.order);
  if (mean_of_plane)
    lowering.emit(PoolParams{.mode = PoolMode::global_average}, {x}, {full});
  else
    lowering.emit(params, {x}, {full});
  if (!direct) {
    const TensorId sorted = lowering.in_order(full, compiler::identity_order(in.rank()));
    lowering.emit_copy(lowering.view(sorted, lowering.desc(y).dims), y);
  }
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

void lower_softmax(Lowering& lowering, const Node& node, bool log) {
  const Value* result = node.outputs[0];
  int64_t axis = node.attr_int("axis", -1);
  if (axis < 0) axis += static_cast<int64_t>(result->shape.size());
  const TensorId x = lowering.input(0), y = lowering.output(result, lowering.desc(x).order);
  lowering.emit(SoftmaxParams{static_cast<int32_t>(compiler::memory_dim(lowering.desc(x), axis)), log}, {x},
                {y});
}

}  // namespace openhb::ops
