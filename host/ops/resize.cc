// SPDX-License-Identifier: Apache-2.0
#include "host/ops/resize.h"

#include <algorithm>

#include "host/compiler/lowering.h"
#include "host/ops/resample.h"
#include "host/ops/rewriter.h"

namespace openhb::ops {
namespace {

using compiler::Lowering;
using compiler::TensorId;

// What the Resize step takes: height and width of a picture, from inside of it, by two neighbours at most.
bool planar(const ResizeSpec& s) {
  return s.in.size() == 4 && s.in[0] == s.out[0] && s.in[1] == s.out[1] && s.mode != "cubic" &&
         !s.antialias && !s.exclude_outside && !s.extrapolates();
}

void lower_planar(Lowering& lowering, const Node& node, const ResizeSpec& s) {
  const compiler::Order order = compiler::channels_last(4);
  std::vector<TensorId> inputs{lowering.in_order(lowering.input(0), order)};
  const TensorId y = lowering.output(node.outputs[0], order);
  for (size_t axis : {size_t{2}, size_t{3}}) {
    const int64_t n = s.out[axis];
    const AxisTable t = axis_table(s, axis);
    const Shape dims = s.mode == "nearest" ? Shape{n} : Shape{2, n};
    inputs.push_back(lowering.constant<int32_t>(dims, t.source));
    if (s.mode == "linear") inputs.push_back(lowering.constant<float>(dims, t.weight));
  }
  lowering.emit(ResizeParams{s.mode == "nearest" ? ResizeMode::nearest : ResizeMode::linear}, inputs, {y});
}

// One axis after the other, in the order of storage.
void lower_axes(Lowering& lowering, const Node& node, const ResizeSpec& s) {
  TensorId x = lowering.input(0);
  std::vector<std::pair<size_t, AxisTable>> passes;  // memory dimension, table
  for (size_t axis = 0; axis < s.in.size(); ++axis) {
    AxisTable t = axis_table(s, axis);
    if (!t.copies(s.in[axis]))
      passes.emplace_back(compiler::memory_dim(lowering.desc(x), static_cast<int64_t>(axis)), std::move(t));
  }
  if (passes.empty()) return lowering.bind(node.outputs[0], x);
  const TensorDesc first = lowering.desc(x);
  Shape dims = first.dims;
  for (size_t i = 0; i < passes.size(); ++i) {
    const auto& [dim, t] = passes[i];
    const int64_t n = static_cast<int64_t>(t.source.size()) / t.taps;
    dims[dim] = n;
    const TensorId y = i + 1 == passes.size() ? lowering.output(node.outputs[0], first.order)
                                              : lowering.scratch(first.dtype, dims, first.order, first.quant);
    const auto axis = static_cast<int32_t>(dim);
    if (s.mode == "nearest" && !t.leaves())
      lowering.emit(GatherParams{axis}, {x, lowering.constant<int32_t>({n}, t.source)}, {y});
    else
      lowering.emit(ResampleParams{axis, s.outside},
                    {x, lowering.constant<int32_t>({t.taps, n}, t.source),
                     lowering.constant<float>({t.taps, n}, t.weight)},
                    {y});
    x = y;
  }
}

}  // namespace

void Resize::infer(InferContext& c) {
  const ResizeSpec s = resize_spec(c.node());
  if (s.mode != "nearest" || s.extrapolates()) c.require_type(0, {DType::f32});
  c.set(0, c.dtype(0), s.out);
}
QuantRule Resize::quant(const Node& node) {
  const ResizeSpec s = resize_spec(node);
  if (node.input(0)->is_constant()) return float_only("its data is a constant, which it reads in float");
  if (planar(s) || (s.mode == "nearest" && !s.extrapolates())) return {QuantKind::passive, "", {0}, 0, true};
  if (s.extrapolates()) return float_only("tf_crop_and_resize reads outside of the picture");
  return float_only(s.mode == "cubic" || s.antialias || s.exclude_outside
                        ? "int8 has modes nearest and linear, without antialias and exclude_outside"
                        : "int8 resizes height and width of 4-D inputs only");
}
void Resize::lower(Lowering& lowering, const Node& node) {
  const ResizeSpec s = resize_spec(node);
  planar(s) ? lower_planar(lowering, node, s) : lower_axes(lowering, node, s);
}

// Two inputs (opset 10 and Upsample): the scales come second, and coordinates are asymmetric.
void Resize::upgrade(Rewriter& r, Node& node) {
  if (node.inputs.size() == 2 && r.opset() < 11) Upsample::upgrade(r, node);
}
void Upsample::upgrade(Rewriter& r, Node& node) {
  Value* scales = node.input(1);
  if (!scales) {
    const auto list = node.attr_floats("scales", {});
    scales = r.constant(Tensor::from<float>({static_cast<int64_t>(list.size())}, list));
    node.attributes.erase("scales");
  }
  node.op = "Resize";
  node.inputs = {node.inputs[0], nullptr, scales};
  node.attributes["coordinate_transformation_mode"] = std::string("asymmetric");
  node.attributes["nearest_mode"] = std::string("floor");
}

}  // namespace openhb::ops
