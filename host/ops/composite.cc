// SPDX-License-Identifier: Apache-2.0
#include "host/ops/composite.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "host/ops/operands.h"
#include "host/ops/rewriter.h"

namespace openhb::ops {
namespace {

void require(bool condition, const Node& node, ErrorCode code, std::string_view what) {
  if (!condition) fail(code, "{}: {}", node.describe(), what);
}
void require_type(const Node& node, size_t input, std::initializer_list<DType> types) {
  require(node.input(input) != nullptr, node, ErrorCode::model_structure,
          fmt::format("its input {} is missing", input));
  const DType found = node.input(input)->dtype;
  require(std::find(types.begin(), types.end(), found) != types.end(), node, ErrorCode::model_unsupported_op,
          fmt::format("input {} has element type {}, which the operator does not take", input,
                      dtype_name(found)));
}

int64_t axis_of(const Node& node, int64_t fallback, int64_t rank) {
  const int64_t axis = node.attr_int("axis", fallback);
  require(axis >= -rank && axis < rank, node, ErrorCode::model_bad_attribute,
          fmt::format("axis {} is out of range for rank {}", axis, rank));
  return axis < 0 ? axis + rank : axis;
}

// What becomes a constant while the model is read has at most this many elements.
constexpr int64_t kLargestFold = int64_t{1} << 26;
void require_foldable(const Node& node, const Shape& shape) {
  require(num_elements(shape) <= kLargestFold, node, ErrorCode::model_bad_shape,
          fmt::format("it would make a constant of {}, which is more than 2^26 elements", to_string(shape)));
}

// 0, 1, ... along `axis` of `rank` axes.
Tensor positions(int64_t count, int64_t axis, size_t rank, int64_t first = 0) {
  Shape shape(rank, 1);
  shape[static_cast<size_t>(axis)] = count;
  Tensor t(DType::i64, shape);
  int64_t next = first;
  for (int64_t& v : t.data<int64_t>()) v = next++;
  return t;
}

Tensor full(DType dtype, const Shape& shape, std::byte value) {
  Tensor t(dtype, shape);
  std::fill(t.bytes().begin(), t.bytes().end(), value);
  return t;
}

}  // namespace

void refuse(const Node& node, const RefusedRow& row) {
  fail(ErrorCode::model_unsupported_op, "{}: {}", node.describe(), row.reason);
}

void rewrite_not(Rewriter& r, Node& node) {
  Value* x = node.inputs[0];
  if (node.op == "Not") {
    require_type(node, 0, {DType::boolean});
    return r.result("Xor", {x, r.constant(scalar_of(DType::boolean, 1))});
  }
  require_type(node, 0, kIntegers);
  r.result("BitwiseXor", {x, r.constant(scalar_of(x->dtype, -1))});
}

void rewrite_is_nan(Rewriter& r, Node& node) {
  require_type(node, 0, {DType::f32});
  Value* equal = r.node("Equal", {node.inputs[0], node.inputs[0]});
  r.result("Xor", {equal, r.constant(scalar_of(DType::boolean, 1))});
}

void rewrite_is_inf(Rewriter& r, Node& node) {
  require_type(node, 0, {DType::f32});
  const bool negative = node.attr_int("detect_negative", 1) != 0,
             positive = node.attr_int("detect_positive", 1) != 0;
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  Value* x = node.inputs[0];
  if (!negative && !positive) {
    require_foldable(node, x->shape);
    return r.result(0, r.constant(full(DType::boolean, x->shape, std::byte{0})));
  }
  if (negative && positive) return r.result("Equal", {r.node("Abs", {x}), r.scalar(kInfinity)});
  r.result("Equal", {x, r.scalar(positive ? kInfinity : -kInfinity)});
}

namespace {
Value* sum_of(Rewriter& r, const std::vector<Value*>& terms, size_t count) {
  Value* sum = terms[0];
  for (size_t i = 1; i < count; ++i) sum = r.node("Add", {sum, terms[i]});
  return sum;
}
}  // namespace

void rewrite_sum(Rewriter& r, Node& node) {
  const std::vector<Value*> terms = node.inputs;
  for (size_t i = 0; i < terms.size(); ++i) require_type(node, i, {DType::f32});
  if (terms.size() == 1) return r.result(0, terms[0]);
  Value* sum = sum_of(r, terms, terms.size() - 1);
  r.result("Add", {sum, terms.back()});
}

void rewrite_mean(Rewriter& r, Node& node) {
  const std::vector<Value*> terms = node.inputs;
  for (size_t i = 0; i < terms.size(); ++i) require_type(node, i, {DType::f32});
  if (terms.size() == 1) return r.result(0, terms[0]);
  Value* sum = sum_of(r, terms, terms.size());
  r.result("Div", {sum, r.scalar(static_cast<float>(terms.size()))});
}

void rewrite_cast_like(Rewriter& r, Node& node) {
  const Value* like = node.inputs[1];
  Attributes attributes{{"to", like->onnx_type ? int64_t{like->onnx_type} : onnx_type(like->dtype)}};
  for (const char* name : {"saturate", "round_mode"})
    if (const auto it = node.attributes.find(name); it != node.attributes.end()) attributes.insert(*it);
  r.result("Cast", {node.inputs[0]}, attributes);
}

void rewrite_trilu(Rewriter& r, Node& node) {
  Value* x = node.inputs[0];
  const size_t rank = x->shape.size();
  require(rank >= 2, node, ErrorCode::model_bad_shape,
          fmt::format("its input {} has fewer than two dimensions", to_string(x->shape)));
  const double k = node.input(1) ? number_at(constant_number(node, 1), 0) : 0;
  const bool upper = node.attr_int("upper", 1) != 0;
  const int64_t height = x->shape[rank - 2], width = x->shape[rank - 1];
  require_foldable(node, {height, width});
  Tensor mask(DType::boolean, {height, width});
  for (int64_t i = 0; i < height; ++i)
    for (int64_t j = 0; j < width; ++j) {
      const auto diagonal = static_cast<double>(j - i);
      mask.data<bool>()[static_cast<size_t>(i * width + j)] = upper ? diagonal >= k : diagonal <= k;
    }
  r.result("Where", {r.constant(std::move(mask)), x, r.constant(scalar_of(x->dtype, 0))});
}

void rewrite_one_hot(Rewriter& r, Node& node) {
  require_type(node, 0, kNumbers);
  const Tensor& depth_tensor = constant_number(node, 1);
  const double depth_value = number_at(depth_tensor, 0);
  require(depth_value >= 1 && depth_value <= static_cast<double>(kLargestFold) &&
              depth_value == std::floor(depth_value),
          node, ErrorCode::model_bad_shape,
          fmt::format("its depth is {}, expected an integer from 1 to 2^26", depth_value));
  const auto depth = static_cast<int64_t>(depth_value);
  Value *indices = node.inputs[0], *values = node.inputs[2];
  require(values->shape == Shape{2}, node, ErrorCode::model_bad_shape,
          fmt::format("its values have shape {}, expected 2", to_string(values->shape)));
  const auto rank = static_cast<int64_t>(indices->shape.size()) + 1;
  const int64_t axis = axis_of(node, -1, rank);
  Value* wide = r.node("Cast", {indices}, {{"to", onnx_type(DType::i64)}});
  wide = r.node("Unsqueeze", {wide, r.ints({axis})});
  // Negative indices count from the end.
  Value* first = r.node("Equal", {wide, r.constant(positions(depth, axis, static_cast<size_t>(rank)))});
  Value* second =
      r.node("Equal", {wide, r.constant(positions(depth, axis, static_cast<size_t>(rank), -depth))});
  const auto value = [&](int64_t i) {
    return r.node("Gather", {values, r.constant(scalar_of(DType::i64, i))}, {{"axis", int64_t{0}}});
  };
  Value *on = value(1), *off = value(0);
  r.result("Where", {r.node("Or", {first, second}), on, off});
}

void rewrite_hardmax(Rewriter& r, Node& node) {
  require_type(node, 0, {DType::f32});
  Value* x = node.inputs[0];
  const Shape shape = x->shape;
  const bool flattened = r.opset() < 13;  // all axes from `axis` on are one
  int64_t axis = axis_of(node, flattened ? 1 : -1, static_cast<int64_t>(shape.size()));
  const bool matrix = flattened && axis + 1 < static_cast<int64_t>(shape.size());
  if (matrix) {
    const Shape rows(shape.begin(), shape.begin() + axis), columns(shape.begin() + axis, shape.end());
    x = r.node("Reshape", {x, r.ints({num_elements(rows), num_elements(columns)})});
    axis = 1;
  }
  const int64_t extent = x->shape[static_cast<size_t>(axis)];
  require_foldable(node, {extent});
  Value* largest = r.node("ArgMax", {x}, {{"axis", axis}, {"keepdims", int64_t{1}}});
  Value* hit = r.node("Equal", {largest, r.constant(positions(extent, axis, x->shape.size()))});
  if (!matrix) return r.result("Cast", {hit}, {{"to", onnx_type(DType::f32)}});
  Value* rows = r.node("Cast", {hit}, {{"to", onnx_type(DType::f32)}});
  r.result("Reshape", {rows, r.ints(shape)});
}

namespace {
// The node's input in float, its axes as an input, and the attributes of its kind.
struct Reduction {
  Value *x, *axes;
  bool noop;
  Attributes attributes;

  Reduction(Rewriter& r, Node& node) {
    r.ints_to_input("axes", 1);
    x = node.inputs[0];
    if (x->dtype != DType::f32) x = r.node("Cast", {x}, {{"to", onnx_type(DType::f32)}});
    axes = node.input(1);
    noop = node.attr_int("noop_with_empty_axes", 0) != 0 && (!axes || constant_ints(node, 1).empty());
    attributes = {{"keepdims", node.attr_int("keepdims", 1)}};
  }
  void finish(Rewriter& r, std::string_view op, std::vector<Value*> inputs, DType dtype) const {
    if (dtype == DType::f32) return r.result(op, std::move(inputs));
    r.result("Cast", {r.node(op, std::move(inputs))}, {{"to", onnx_type(dtype)}});
  }
};
}  // namespace

void rewrite_log_sum(Rewriter& r, Node& node) {
  require_type(node, 0, kNumbers);
  const DType dtype = node.inputs[0]->dtype;
  const Reduction n(r, node);
  Value* sum = n.noop ? n.x : r.node("ReduceSum", {n.x, n.axes}, n.attributes);
  n.finish(r, "Log", {sum}, dtype);
}

// max + log(sum(exp(x - max))); a bounded maximum keeps infinities.
void rewrite_log_sum_exp(Rewriter& r, Node& node) {
  require_type(node, 0, kNumbers);
  Value* given = node.inputs[0];
  const Reduction n(r, node);
  if (n.noop) return r.result(0, given);
  const DType dtype = given->dtype;
  constexpr float kMost = std::numeric_limits<float>::max();
  const auto bounded = [&](Value* v) { return r.node("Clip", {v, r.scalar(-kMost), r.scalar(kMost)}); };
  Value* top = bounded(r.node("ReduceMax", {n.x, n.axes}, {{"keepdims", int64_t{1}}}));
  Value* powers = r.node("Exp", {r.node("Sub", {n.x, top})});
  Value* log = r.node("Log", {r.node("ReduceSum", {powers, n.axes}, n.attributes)});
  if (top->shape != log->shape) top = r.node("Reshape", {top, r.ints(log->shape)});
  n.finish(r, "Add", {log, top}, dtype);
}

void fold_size(Rewriter& r, Node& node) {
  r.result(0, r.constant(scalar_of(DType::i64, num_elements(node.inputs[0]->shape))));
}

void fold_eye_like(Rewriter& r, Node& node) {
  const Value* x = node.inputs[0];
  require(x->shape.size() == 2, node, ErrorCode::model_bad_shape,
          fmt::format("its input has shape {}, expected two dimensions", to_string(x->shape)));
  const int64_t rows = x->shape[0], columns = x->shape[1], k = node.attr_int("k", 0);
  require_foldable(node, x->shape);
  Value* ones = nullptr;
  {
    Tensor mask(DType::boolean, x->shape);
    for (int64_t i = 0; i < rows; ++i) {
      int64_t column = 0;
      if (!__builtin_add_overflow(i, k, &column) && column >= 0 && column < columns)
        mask.data<bool>()[static_cast<size_t>(i * columns + column)] = true;
    }
    ones = r.constant(std::move(mask));
  }
  const int64_t to = node.attr_int("dtype", onnx_type(x->dtype));
  r.result("Cast", {ones}, {{"to", to}});
}

namespace {
template <class T>
Tensor range_of(const Node& node) {
  const T start = constant_number(node, 0).data<T>()[0], limit = constant_number(node, 1).data<T>()[0],
          delta = constant_number(node, 2).data<T>()[0];
  require(delta != 0, node, ErrorCode::model_bad_value, "its step is 0");
  uint64_t count = 0;
  if constexpr (std::is_floating_point_v<T>) {
    const double n =
        std::ceil((static_cast<double>(limit) - static_cast<double>(start)) / static_cast<double>(delta));
    require(n <= static_cast<double>(kLargestFold), node, ErrorCode::model_bad_shape,
            "its result has more than 2^26 elements");
    count = n > 0 ? static_cast<uint64_t>(n) : 0;
  } else if ((delta > 0) == (start < limit) && start != limit) {
    const uint64_t from = static_cast<uint64_t>(start), to = static_cast<uint64_t>(limit);
    const uint64_t step = delta > 0 ? static_cast<uint64_t>(delta) : 0 - static_cast<uint64_t>(delta);
    count = ((delta > 0 ? to - from : from - to) - 1) / step + 1;
    require(count <= static_cast<uint64_t>(kLargestFold), node, ErrorCode::model_bad_shape,
            "its result has more than 2^26 elements");
  }
  Tensor t(DTypeOf<T>::value, {static_cast<int64_t>(count)});
  for (size_t i = 0; i < count; ++i) {
    if constexpr (std::is_floating_point_v<T>)
      t.data<T>()[i] = start + static_cast<T>(i) * delta;
    else
      t.data<T>()[i] = static_cast<T>(static_cast<uint64_t>(start) + i * static_cast<uint64_t>(delta));
  }
  return t;
}
}  // namespace

void fold_range(Rewriter& r, Node& node) {
  const DType dtype = node.inputs[0]->dtype;
  for (size_t i : {size_t{1}, size_t{2}})
    require(node.input(i)->dtype == dtype, node, ErrorCode::model_structure,
            "its inputs must have the same element type");
  switch (dtype) {
    case DType::f32:
      return r.result(0, r.constant(range_of<float>(node)));
    case DType::i16:
      return r.result(0, r.constant(range_of<int16_t>(node)));
    case DType::i32:
      return r.result(0, r.constant(range_of<int32_t>(node)));
    case DType::i64:
      return r.result(0, r.constant(range_of<int64_t>(node)));
    default:
      require_type(node, 0, {});
  }
}

void fold_non_zero(Rewriter& r, Node& node) {
  const Value* x = node.inputs[0];
  require(x->is_constant(), node, ErrorCode::model_unsupported_op,
          "the shape of its result depends on data that is computed at run time; only a constant input is "
          "possible");
  const Tensor& t = *x->constant;
  const auto rank = static_cast<int64_t>(x->shape.size());
  std::vector<int64_t> found;
  for (size_t i = 0; i < t.size(); ++i)
    if (number_at(t, i) != 0) found.push_back(static_cast<int64_t>(i));
  // A scalar counts as a vector of one element without axes.
  Tensor y(DType::i64, {rank, static_cast<int64_t>(found.size())});
  const Shape strides = dense_strides(x->shape);
  for (size_t axis = 0; axis < strides.size(); ++axis)
    for (size_t i = 0; i < found.size(); ++i)
      y.data<int64_t>()[axis * found.size() + i] = found[i] / strides[axis] % x->shape[axis];
  r.result(0, r.constant(std::move(y)));
}

}  // namespace openhb::ops
