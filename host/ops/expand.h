// SPDX-License-Identifier: Apache-2.0
// Short names for the nodes that composite operators expand into. Nodes that change nothing are left out.
#pragma once

#include "host/ops/rewriter.h"

namespace openhb::ops::expand {

Value* reshape(Rewriter& r, Value* x, const Shape& shape);
Value* transpose(Rewriter& r, Value* x, const std::vector<int64_t>& perm);
// Elements first, first + step, ... before `last` of one axis; with a negative step `last` counts from the
// end as in ONNX.
Value* slice(Rewriter& r, Value* x, int64_t axis, int64_t first, int64_t last, int64_t step = 1);
// The whole axis backward.
Value* reverse(Rewriter& r, Value* x, int64_t axis);
// `before` and `after` per axis.
Value* pad(Rewriter& r, Value* x, const Shape& before, const Shape& after);
Value* concat(Rewriter& r, const std::vector<Value*>& parts, int64_t axis);
Value* cast(Rewriter& r, Value* x, DType dtype);
// Broadcast to a shape.
Value* spread(Rewriter& r, Value* x, const Shape& shape);
Value* reduce(Rewriter& r, std::string_view op, Value* x, const std::vector<int64_t>& axes, bool keep = true);

inline Value* add(Rewriter& r, Value* a, Value* b) { return r.node("Add", {a, b}); }
inline Value* sub(Rewriter& r, Value* a, Value* b) { return r.node("Sub", {a, b}); }
inline Value* mul(Rewriter& r, Value* a, Value* b) { return r.node("Mul", {a, b}); }
inline Value* div(Rewriter& r, Value* a, Value* b) { return r.node("Div", {a, b}); }
inline Value* matmul(Rewriter& r, Value* a, Value* b) { return r.node("MatMul", {a, b}); }

// `axis` counted from the end if negative; Error(model_bad_attribute) naming the node when out of range.
int64_t axis_of(const Node& node, int64_t axis, size_t rank);
// Throws Error(model_bad_shape, model_bad_attribute, model_unsupported_op) naming the node unless
// `condition`.
void require(const Node& node, bool condition, std::string_view what);
void require_attribute(const Node& node, bool condition, std::string_view what);
void require_support(const Node& node, bool condition, std::string_view what);
// Throws Error(model_unsupported_op) unless input i has one of the types.
void require_type(const Node& node, size_t i, std::initializer_list<DType> types);

// The type of an ONNX TensorProto enumeration value as graphs hold it (float16 and others: float32).
DType dtype_of_onnx(const Node& node, int64_t type);
int64_t onnx_type(DType dtype);

}  // namespace openhb::ops::expand
