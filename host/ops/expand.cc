// SPDX-License-Identifier: Apache-2.0
#include "host/ops/expand.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace openhb::ops::expand {

Value* reshape(Rewriter& r, Value* x, const Shape& shape) {
  if (x->shape == shape) return x;
  return r.node("Reshape", {x, r.ints(shape)}, {{"allowzero", int64_t{1}}});
}

Value* transpose(Rewriter& r, Value* x, const std::vector<int64_t>& perm) {
  if (std::is_sorted(perm.begin(), perm.end())) return x;
  return r.node("Transpose", {x}, {{"perm", perm}});
}

Value* slice(Rewriter& r, Value* x, int64_t axis, int64_t first, int64_t last, int64_t step) {
  if (step == 1 && first == 0 && last == x->shape[static_cast<size_t>(axis)]) return x;
  return r.node("Slice", {x, r.ints({first}), r.ints({last}), r.ints({axis}), r.ints({step})});
}

Value* reverse(Rewriter& r, Value* x, int64_t axis) {
  if (x->shape[static_cast<size_t>(axis)] == 1) return x;
  return slice(r, x, axis, -1, std::numeric_limits<int64_t>::min(), -1);
}

Value* pad(Rewriter& r, Value* x, const Shape& before, const Shape& after) {
  Shape pads = before;
  pads.insert(pads.end(), after.begin(), after.end());
  if (std::all_of(pads.begin(), pads.end(), [](int64_t n) { return n == 0; })) return x;
  return r.node("Pad", {x, r.ints(pads)});
}

Value* concat(Rewriter& r, const std::vector<Value*>& parts, int64_t axis) {
  return parts.size() == 1 ? parts[0] : r.node("Concat", parts, {{"axis", axis}});
}

Value* cast(Rewriter& r, Value* x, DType dtype) {
  return x->dtype == dtype ? x : r.node("Cast", {x}, {{"to", onnx_type(dtype)}});
}

Value* spread(Rewriter& r, Value* x, const Shape& shape) {
  return x->shape == shape ? x : r.node("Expand", {x, r.ints(shape)});
}

Value* reduce(Rewriter& r, std::string_view op, Value* x, const std::vector<int64_t>& axes, bool keep) {
  if (axes.empty()) return x;
  return r.node(op, {x, r.ints(axes)}, {{"keepdims", int64_t{keep}}});
}

int64_t axis_of(const Node& node, int64_t axis, size_t rank) {
  const auto n = static_cast<int64_t>(rank);
  if (axis < -n || axis >= n)
    fail(ErrorCode::model_bad_attribute, "{}: axis {} is out of range for rank {}", node.describe(), axis,
         rank);
  return axis < 0 ? axis + n : axis;
}

void require(const Node& node, bool condition, std::string_view what) {
  if (condition) return;
  std::vector<std::string> shapes;
  for (const Value* v : node.inputs) shapes.push_back(v ? to_string(v->shape) : "-");
  fail(ErrorCode::model_bad_shape, "{}: {} (input shapes: {})", node.describe(), what,
       fmt::join(shapes, ", "));
}

void require_attribute(const Node& node, bool condition, std::string_view what) {
  if (!condition) fail(ErrorCode::model_bad_attribute, "{}: {}", node.describe(), what);
}

void require_support(const Node& node, bool condition, std::string_view what) {
  if (!condition) fail(ErrorCode::model_unsupported_op, "{}: {}", node.describe(), what);
}

void require_type(const Node& node, size_t i, std::initializer_list<DType> types) {
  const DType found = node.input(i)->dtype;
  if (std::find(types.begin(), types.end(), found) != types.end()) return;
  std::vector<std::string_view> names;
  for (DType type : types) names.push_back(dtype_name(type));
  fail(ErrorCode::model_unsupported_op, "{}: input {} has element type {}; supported: {}", node.describe(), i,
       dtype_name(found), fmt::join(names, ", "));
}

namespace {
// TensorProto.DataType numbers; types without arithmetic of their own are computed in float32.
constexpr std::pair<int64_t, DType> kTypes[] = {
    {1, DType::f32},  {2, DType::u8},   {3, DType::i8},      {4, DType::u16},  {5, DType::i16},
    {6, DType::i32},  {7, DType::i64},  {9, DType::boolean}, {10, DType::f32}, {11, DType::f32},
    {12, DType::u32}, {13, DType::u64}, {16, DType::f32}};
}  // namespace

DType dtype_of_onnx(const Node& node, int64_t type) {
  for (const auto& [number, dtype] : kTypes)
    if (number == type) return dtype;
  fail(ErrorCode::model_bad_attribute, "{}: {} is not a supported element type", node.describe(), type);
}

int64_t onnx_type(DType dtype) {
  return std::find_if(std::begin(kTypes), std::end(kTypes), [&](const auto& t) { return t.second == dtype; })
      ->first;
}

}  // namespace openhb::ops::expand
