// SPDX-License-Identifier: Apache-2.0
// Movement with an index map: Gather, Expand, Tile, DepthToSpace, SpaceToDepth.
#include <algorithm>
#include <cmath>

#include "host/compiler/lowering.h"
#include "host/ops/movement.h"
#include "host/ops/plain.h"

namespace openhb::ops {
namespace {

using compiler::Lowering;
using compiler::TensorId;

int64_t wrapped(int64_t axis, size_t rank) { return axis < 0 ? axis + static_cast<int64_t>(rank) : axis; }

}  // namespace

void Gather::infer(InferContext& c) {
  const int64_t axis = c.axis(c.node().attr_int("axis", 0), c.rank(0));
  c.require(c.dtype(1) == DType::i32 || c.dtype(1) == DType::i64, "indices must be int32 or int64");
  const int64_t extent = c.shape(0)[static_cast<size_t>(axis)];
  check_constant_indices(c, 1, extent);
  c.require(extent > 0 || num_elements(c.shape(1)) == 0, "there is nothing to choose from");
  Shape shape(c.shape(0).begin(), c.shape(0).begin() + axis);
  shape.insert(shape.end(), c.shape(1).begin(), c.shape(1).end());
  shape.insert(shape.end(), c.shape(0).begin() + axis + 1, c.shape(0).end());
  c.set(0, c.dtype(0), shape);
}
QuantRule Gather::quant(const Node& node) {
  if (node.input(0)->is_constant()) return float_only("its data is a constant, which it reads in float");
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
std::vector<int64_t> repeats_of(const Node& node) {
  const auto repeats = constant_ints(node, 1);
  if (repeats.size() != node.input(0)->shape.size())
    fail(ErrorCode::model_bad_attribute, "{}: 'repeats' has {} values, expected {}", node.describe(),
         repeats.size(), node.input(0)->shape.size());
  for (int64_t r : repeats)
    if (r < 0) fail(ErrorCode::model_bad_attribute, "{}: 'repeats' holds {}", node.describe(), r);
  return repeats;
}

// Copies `from` to `to`, repeating memory dimensions: a loop over the repeats and one over the elements each.
void emit_tiles(Lowering& lowering, TensorId from, TensorId to, const std::vector<int64_t>& repeats) {
  const Shape dims = lowering.desc(from).dims, in = lowering.desc(from).strides(),
              out = lowering.desc(to).strides();
  CopyParams copy;
  const auto loop = [&](int64_t extent, int64_t from_stride, int64_t to_stride) {
    if (extent == 1) return;
    copy.extent.push_back(extent);
    copy.in_strides.push_back(from_stride);
    copy.out_strides.push_back(to_stride);
  };
  for (size_t k = 0; k < dims.size(); ++k) {
    loop(repeats[k], 0, dims[k] * out[k]);
    loop(dims[k], in[k], out[k]);
  }
  lowering.emit(copy, {from}, {to});
}
}  // namespace

void Tile::infer(InferContext& c) {
  const auto repeats = repeats_of(c.node());
  Shape shape = c.shape(0);
  for (size_t i = 0; i < shape.size(); ++i) shape[i] = checked_mul(shape[i], repeats[i]);
  c.set(0, c.dtype(0), shape);
}
QuantRule Tile::quant(const Node&) { return {QuantKind::passive, "", {0}, 0, true}; }
void Tile::lower(Lowering& lowering, const Node& node) {
  TensorId x = lowering.input(0);
  const TensorDesc d = lowering.desc(x);
  const TensorId y = lowering.output(node.outputs[0], d.order);
  if (num_elements(node.outputs[0]->shape) == 0) return;
  const auto given = repeats_of(node);
  std::vector<int64_t> repeats;
  std::vector<size_t> open;  // memory dimensions that repeat
  for (size_t k = 0; k < d.rank(); ++k) {
    repeats.push_back(given[d.order[k]]);
    if (repeats[k] > 1) open.push_back(k);
  }
  // A copy has loops for so many dimensions, each repeated; beyond, they are repeated one by one.
  if (d.rank() <= kMaxRank / 2 || open.empty()) return emit_tiles(lowering, x, y, repeats);
  Shape dims = d.dims;
  for (const size_t k : open) {
    const auto at = dims.begin() + static_cast<std::ptrdiff_t>(k);
    const int64_t before = num_elements(Shape(dims.begin(), at)), after = num_elements(Shape(at, dims.end()));
    dims[k] *= repeats[k];
    const TensorId to = k == open.back() ? y : lowering.scratch(d.dtype, dims, d.order, d.quant);
    emit_tiles(lowering, lowering.view(x, {before, after}), lowering.view(to, {before, after * repeats[k]}),
               {1, repeats[k]});
    x = to;
  }
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
