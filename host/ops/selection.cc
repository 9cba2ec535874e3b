// SPDX-License-Identifier: Apache-2.0
// TopK, NonMaxSuppression, ReverseSequence.
#include <algorithm>
#include <limits>

#include "host/ops/indexing.h"
#include "host/ops/plain.h"
#include "host/ops/rewriter.h"

namespace openhb::ops {
namespace {

using compiler::Lowering;
using compiler::TensorId;

int64_t wrapped(int64_t axis, const Node& node) {
  return axis < 0 ? axis + static_cast<int64_t>(node.input(0)->shape.size()) : axis;
}

}  // namespace

void TopK::upgrade(Rewriter& r, Node& node) {  // opset 1 to 9
  if (!node.attributes.contains("k")) return;
  r.set_input(1, r.ints({node.attr_int("k", 0)}));
  node.attributes.erase("k");
}
void TopK::infer(InferContext& c) {
  c.require_type(0, {DType::f32, DType::i8, DType::u8, DType::i16, DType::u16, DType::i32, DType::u32,
                     DType::i64, DType::u64});
  const auto axis = static_cast<size_t>(c.axis(c.node().attr_int("axis", -1), c.rank(0)));
  const auto k = c.ints(1);
  c.require(k.size() == 1 && k[0] >= 0 && k[0] <= c.shape(0)[axis],
            fmt::format("k is [{}], expected a number from 0 to the extent {} of axis {}", fmt::join(k, ", "),
                        c.shape(0)[axis], axis));
  Shape shape = c.shape(0);
  shape[axis] = k[0];
  c.set(0, c.dtype(0), shape);
  c.set(1, DType::i64, shape);
}
QuantRule TopK::quant(const Node&) { return {QuantKind::passive, "", {0}, 0, true}; }
void TopK::lower(Lowering& lowering, const Node& node) {
  const auto axis = static_cast<int32_t>(wrapped(node.attr_int("axis", -1), node));
  const TensorId x = plain(lowering, lowering.input(0));
  const Shape& shape = node.outputs[0]->shape;
  const TensorId positions =
      node.outputs.size() > 1 ? plain_output(lowering, node.outputs[1])
                              : lowering.scratch(DType::i64, shape, compiler::identity_order(shape.size()));
  lowering.emit(TopKParams{axis, node.attr_int("largest", 1) != 0 ? 1 : 0}, {x}, {positions});
  lowering.emit(GatherElementsParams{axis}, {x, positions}, {plain_output(lowering, node.outputs[0])});
}

namespace {
int64_t most_boxes(const Node& node) {
  const auto most = constant_ints(node, 2);
  return most.empty() ? 0 : std::max<int64_t>(most[0], 0);
}

// A scalar input or its default, as one float.
TensorId threshold(Lowering& lowering, const Node& node, size_t i, float fallback) {
  if (node.input(i)) return plain_native(lowering, node, i);
  return lowering.constant<float>({}, std::vector<float>{fallback});
}
}  // namespace

void NonMaxSuppression::infer(InferContext& c) {
  c.require_type(0, {DType::f32});
  c.require_type(1, {DType::f32});
  c.require(c.rank(0) == 3 && c.rank(1) == 3 && c.shape(0)[2] == 4 && c.shape(0)[0] == c.shape(1)[0] &&
                c.shape(0)[1] == c.shape(1)[2],
            "boxes must be [batches, boxes, 4] and scores [batches, classes, boxes]");
  for (size_t i : {size_t{3}, size_t{4}})
    if (c.has(i)) {
      c.require_type(i, {DType::f32});
      c.require(num_elements(c.shape(i)) == 1, "a threshold must be one number");
    }
  const Shape& scores = c.shape(1);
  const int64_t most = std::min(most_boxes(c.node()), scores[2]);
  c.set(0, DType::i64, {checked_mul(checked_mul(scores[0], scores[1]), most), 3});
}
QuantRule NonMaxSuppression::quant(const Node&) {
  return float_only("it compares boxes and scores, which runs in float; it is meant for the CPU");
}
void NonMaxSuppression::lower(Lowering& lowering, const Node& node) {
  const std::vector<TensorId> inputs{plain_native(lowering, node, 0), plain_native(lowering, node, 1),
                                     threshold(lowering, node, 3, 0.0f),
                                     threshold(lowering, node, 4, -std::numeric_limits<float>::infinity())};
  lowering.emit(NonMaxSuppressionParams{most_boxes(node), node.attr_int("center_point_box", 0) != 0 ? 1 : 0},
                inputs, {plain_output(lowering, node.outputs[0])});
}

void ReverseSequence::infer(InferContext& c) {
  c.require(c.rank(0) >= 2, "the input must have at least rank 2");
  const int64_t batch = c.node().attr_int("batch_axis", 1), time = c.node().attr_int("time_axis", 0);
  if (!((batch == 0 && time == 1) || (batch == 1 && time == 0)))
    fail(ErrorCode::model_bad_attribute, "{}: batch_axis is {} and time_axis {}, expected 0 and 1 or 1 and 0",
         c.node().describe(), batch, time);
  c.require_type(1, {DType::i64, DType::i32});
  c.require(c.rank(1) == 1 && c.shape(1)[0] == c.shape(0)[static_cast<size_t>(batch)],
            "there must be one length per batch entry");
  c.set(0, c.dtype(0), c.shape(0));
}
QuantRule ReverseSequence::quant(const Node& node) {
  if (node.input(0)->is_constant()) return float_only("its data is a constant, which it reads in float");
  return {QuantKind::passive, "", {0}, 0, true};
}
void ReverseSequence::lower(Lowering& lowering, const Node& node) {
  const TensorId x = plain(lowering, lowering.input(0)), lengths = plain_native(lowering, node, 1);
  lowering.emit(ReverseSequenceParams{static_cast<int32_t>(node.attr_int("batch_axis", 1)),
                                      static_cast<int32_t>(node.attr_int("time_axis", 0))},
                {x, lengths}, {plain_output(lowering, node.outputs[0])});
}

}  // namespace openhb::ops
