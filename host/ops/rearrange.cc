// SPDX-License-Identifier: Apache-2.0
// Movement with an index map: Gather, Pad, Expand, DepthToSpace, SpaceToDepth.
#include <algorithm>
#include <cmath>

#include "host/compiler/lowering.h"
#include "host/ops/movement.h"
#include "host/ops/rewriter.h"

namespace openhb::ops {
namespace {

using compiler::Lowering;
using compiler::TensorId;

int64_t wrapped(int64_t axis, size_t rank) { return axis < 0 ? axis + static_cast<int64_t>(rank) : axis; }

}  // namespace

void Gather::infer(InferContext& c) {
  const int64_t axis = c.axis(c.node().attr_int("axis", 0), c.rank(0));
  c.require(c.dtype(1) == DType::i32 || c.dtype(1) == DType::i64, "indices must be int32 or int64");
  if (c.constant(1))
    for (int64_t i : c.ints(1)) {
      const int64_t n = c.shape(0)[static_cast<size_t>(axis)];
      c.require(i >= -n && i < n, fmt::format("index {} is out of range for extent {}", i, n));
    }
  Shape shape(c.shape(0).begin(), c.shape(0).begin() + axis);
  shape.insert(shape.end(), c.shape(1).begin(), c.shape(1).end());
  shape.insert(shape.end(), c.shape(0).begin() + axis + 1, c.shape(0).end());
  c.set(0, c.dtype(0), shape);
}
QuantRule Gather::quant(const Node& node) {
  if (!node.input(1)->is_constant()) return float_only("its indices are computed at run time");
  if (node.input(0)->is_constant()) return float_only("its data is a constant");
  return {QuantKind::passive, "", {0}, 0, true};
}
void Gather::lower(Lowering& lowering, const Node& node) {
  const Shape& in = node.input(0)->shape;
  const auto axis = static_cast<size_t>(wrapped(node.attr_int("axis", 0), in.size()));
  const TensorId x = lowering.in_order(lowering.input(0), compiler::identity_order(in.size()));
  const Value* result = node.outputs[0];
  // A single constant index is a slice without its axis.
  if (node.input(1)->is_constant() && node.input(1)->shape.empty() && lowering.can_slice(x, axis)) {
    const int64_t index = constant_ints(node, 1)[0];
    const TensorId part = lowering.slice(x, axis, index < 0 ? index + in[axis] : index, 1);
    return lowering.bind(result, lowering.view(part, result->shape));
  }
  const TensorId indices = lowering.in_order(lowering.native(node.input(1)),
                                             compiler::identity_order(node.input(1)->shape.size()));
  const TensorId y = lowering.output(result, compiler::identity_order(result->shape.size()));
  lowering.emit(GatherParams{static_cast<int32_t>(axis)}, {x, indices}, {y});
}

namespace {
// Padding of each axis: before all axes, then after.
std::vector<int64_t> pad_amounts(const Node& node) {
  const size_t rank = node.input(0)->shape.size();
  const auto given = constant_ints(node, 1);
  std::vector<int64_t> axes = constant_ints(node, 3);
  if (axes.empty()) {
    if (given.size() != 2 * rank)
      fail(ErrorCode::model_bad_attribute, "{}: 'pads' has {} values, expected {}", node.describe(),
           given.size(), 2 * rank);
    return given;
  }
  if (given.size() != 2 * axes.size())
    fail(ErrorCode::model_bad_attribute, "{}: 'pads' has {} values for {} axes", node.describe(),
         given.size(), axes.size());
  std::vector<int64_t> pads(2 * rank, 0);
  for (size_t i = 0; i < axes.size(); ++i) {
    const int64_t a = wrapped(axes[i], rank);
    if (a < 0 || a >= static_cast<int64_t>(rank))
      fail(ErrorCode::model_bad_attribute, "{}: axis {} is out of range", node.describe(), axes[i]);
    pads[static_cast<size_t>(a)] = given[i];
    pads[static_cast<size_t>(a) + rank] = given[axes.size() + i];
  }
  return pads;
}

double pad_value(const Node& node) {
  const Value* v = node.input(2);
  if (!v) return 0;
  if (!v->is_constant() || v->constant->size() != 1)
    fail(ErrorCode::model_bad_value, "{}: the padding value must be one constant", node.describe());
  if (v->dtype == DType::f32) return static_cast<double>(v->constant->data<float>()[0]);
  if (v->dtype == DType::i64) return static_cast<double>(v->constant->data<int64_t>()[0]);
  fail(ErrorCode::model_bad_value, "{}: a padding value of type {} is not supported", node.describe(),
       dtype_name(v->dtype));
}
}  // namespace

void Pad::upgrade(Rewriter& r, Node&) {
  r.ints_to_input("paddings", 1);
  r.ints_to_input("pads", 1);
  r.float_to_input("value", 2);
}
void Pad::infer(InferContext& c) {
  c.require_support(
      c.node().attr_string("mode", "constant") == "constant",
      "only mode 'constant' is supported; export the model with zero padding or pad outside of it");
  const auto pads = pad_amounts(c.node());
  pad_value(c.node());
  Shape shape = c.shape(0);
  for (size_t i = 0; i < shape.size(); ++i) {
    shape[i] += pads[i] + pads[shape.size() + i];
    c.require(std::abs(pads[i]) < (int64_t{1} << 31) && shape[i] >= 0,
              "the padding leaves a negative extent");
  }
  c.set(0, c.dtype(0), shape);
}
QuantRule Pad::quant(const Node& node) {
  if (pad_value(node) != 0) return float_only("it pads with a value other than 0");
  return {QuantKind::passive, "", {0}, 0, true};
}
void Pad::lower(Lowering& lowering, const Node& node) {
  const auto pads = pad_amounts(node);
  const TensorId x = lowering.input(0);
  const TensorDesc in = lowering.desc(x);
  const TensorId y = lowering.output(node.outputs[0], in.order);
  const TensorDesc out = lowering.desc(y);
  double fill = pad_value(node);
  if (lowering.int8()) fill = out.quant.zero_point();
  lowering.emit(FillParams{fill}, {}, {y});
  CopyParams copy{.extent = in.dims, .in_strides = in.strides(), .out_strides = out.strides()};
  for (size_t k = 0; k < in.rank(); ++k) {  // negative padding crops
    const int64_t before = pads[in.order[k]], after = pads[in.order[k] + in.rank()];
    copy.in_offset += std::max<int64_t>(-before, 0) * copy.in_strides[k];
    copy.out_offset += std::max<int64_t>(before, 0) * copy.out_strides[k];
    copy.extent[k] =
        std::max<int64_t>(in.dims[k] + std::min<int64_t>(before, 0) + std::min<int64_t>(after, 0), 0);
  }
  if (num_elements(copy.extent) > 0) lowering.emit(copy, {x}, {y});
}

void Expand::infer(InferContext& c) { c.set(0, c.dtype(0), broadcast(c, c.shape(0), c.ints(1))); }
QuantRule Expand::quant(const Node&) { return {QuantKind::passive, "", {0}, 0, true}; }
void Expand::lower(Lowering& lowering, const Node& node) {
  const Shape& shape = node.outputs[0]->shape;
  const TensorId x =
      lowering.in_order(lowering.input(0), compiler::identity_order(node.input(0)->shape.size()));
  const TensorId y = lowering.output(node.outputs[0], compiler::identity_order(shape.size()));
  CopyParams copy{
      .extent = shape, .in_strides = Shape(shape.size(), 0), .out_strides = lowering.desc(y).strides()};
  const Shape strides = lowering.desc(x).strides(), dims = lowering.desc(x).dims;
  const size_t missing = shape.size() - dims.size();
  for (size_t i = 0; i < dims.size(); ++i)
    if (dims[i] != 1) copy.in_strides[i + missing] = strides[i];
  if (num_elements(shape) > 0) lowering.emit(copy, {x}, {y});
}

namespace {
int64_t block_size(InferContext& c) {
  const int64_t b = c.node().attr_int("blocksize", 0);
  c.require(c.rank(0) == 4, "the input must have rank 4");
  if (b < 1 || b > 4096)
    fail(ErrorCode::model_bad_attribute, "{}: attribute 'blocksize' holds {}, expected 1 to 4096",
         c.node().describe(), b);
  return b;
}

// Copies between the depth form [N, C*b*b, H, W] and the space form [N, C, H*b, W*b] of two tensors.
void move_blocks(Lowering& lowering, TensorId from, TensorId to, TensorId depth, TensorId space, int64_t b,
                 bool dcr) {
  const TensorDesc d = lowering.desc(depth), s = lowering.desc(space);
  const Shape shape = d.logical_shape(), dm = d.strides(), sm = s.strides();
  auto stride = [](const TensorDesc& t, const Shape& m, int64_t axis) {
    return m[compiler::memory_dim(t, axis)];
  };
  const int64_t channels = shape[1] / (b * b), dc = stride(d, dm, 1);
  // Index order: n, h, row in block, w, column in block, channel.
  const Shape extent{shape[0], shape[2], b, shape[3], b, channels};
  const Shape in_depth{stride(d, dm, 0), stride(d, dm, 2),          dc * b * (dcr ? channels : 1),
                       stride(d, dm, 3), dc * (dcr ? channels : 1), dc * (dcr ? 1 : b * b)};
  const Shape in_space{stride(s, sm, 0),     stride(s, sm, 2) * b, stride(s, sm, 2),
                       stride(s, sm, 3) * b, stride(s, sm, 3),     stride(s, sm, 1)};
  const bool forward = from == depth;
  lowering.emit(CopyParams{extent, forward ? in_depth : in_space, forward ? in_space : in_depth}, {from},
                {to});
}
}  // namespace

void DepthToSpace::infer(InferContext& c) {
  const int64_t b = block_size(c);
  const Shape& s = c.shape(0);
  c.require(s[1] % (b * b) == 0, "the channels are not a multiple of blocksize squared");
  const std::string mode = c.node().attr_string("mode", "DCR");
  c.require(mode == "DCR" || mode == "CRD", "attribute 'mode' must be DCR or CRD");
  c.set(0, c.dtype(0), {s[0], s[1] / (b * b), s[2] * b, s[3] * b});
}
QuantRule DepthToSpace::quant(const Node&) { return {QuantKind::passive, "", {0}, 0, true}; }
void DepthToSpace::lower(Lowering& lowering, const Node& node) {
  const TensorId x = lowering.input(0), y = lowering.output(node.outputs[0], lowering.desc(x).order);
  move_blocks(lowering, x, y, x, y, node.attr_int("blocksize", 1), node.attr_string("mode", "DCR") == "DCR");
}

void SpaceToDepth::infer(InferContext& c) {
  const int64_t b = block_size(c);
  const Shape& s = c.shape(0);
  c.require(s[2] % b == 0 && s[3] % b == 0, "height and width are not multiples of blocksize");
  c.set(0, c.dtype(0), {s[0], s[1] * b * b, s[2] / b, s[3] / b});
}
QuantRule SpaceToDepth::quant(const Node&) { return {QuantKind::passive, "", {0}, 0, true}; }
void SpaceToDepth::lower(Lowering& lowering, const Node& node) {
  const TensorId x = lowering.input(0), y = lowering.output(node.outputs[0], lowering.desc(x).order);
  move_blocks(lowering, x, y, y, x, node.attr_int("blocksize", 1), true);
}

}  // namespace openhb::ops
