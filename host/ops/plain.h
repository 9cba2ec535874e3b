// SPDX-License-Identifier: Apache-2.0
// Operands of operators that count positions in ONNX order.
#pragma once

#include "host/compiler/lowering.h"
#include "host/ops/operator.h"
#include "host/ops/rewriter.h"

namespace openhb::ops {

// A stored tensor in ONNX order.
inline compiler::TensorId plain(compiler::Lowering& lowering, compiler::TensorId id) {
  return lowering.in_order(id, compiler::identity_order(lowering.desc(id).rank()));
}
// Input i in its ONNX element type, whatever the node computes in: indices, lengths, coordinates.
inline compiler::TensorId plain_native(compiler::Lowering& lowering, const Node& node, size_t i) {
  return plain(lowering, lowering.native(node.input(i)));
}
inline compiler::TensorId plain_output(compiler::Lowering& lowering, const Value* value) {
  return lowering.output(value, compiler::identity_order(value->shape.size()));
}

// Error(model_bad_shape) when constant indices leave [-extent, extent).
inline void check_constant_indices(InferContext& c, size_t input, int64_t extent) {
  if (!c.constant(input)) return;
  for (const int64_t i : c.ints(input))
    c.require(i >= -extent && i < extent, fmt::format("index {} is out of range for extent {}", i, extent));
}

// Before an expansion makes a constant of that shape: Error(model_bad_shape) when it is larger than
// Graph::max_folded.
inline void require_foldable(Rewriter& r, const Shape& shape) {
  if (num_elements(shape) > r.graph().max_folded)
    fail(ErrorCode::model_bad_shape, "{}: it needs a table of {}, more than {} elements", r.node().describe(),
         to_string(shape), r.graph().max_folded);
}

}  // namespace openhb::ops
