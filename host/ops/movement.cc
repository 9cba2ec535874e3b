// SPDX-License-Identifier: Apache-2.0
// Operators that relabel or select: reshapes, transposes, concatenation, slices, splits.
#include "host/ops/movement.h"

#include <algorithm>

#include "host/compiler/lowering.h"
#include "host/ops/rewriter.h"
#include "host/ops/slice_spec.h"

namespace openhb::ops {
namespace {

using compiler::Lowering;
using compiler::Order;
using compiler::TensorId;

QuantRule passive() { return {QuantKind::passive, "", {0}, 0, true}; }

// A row of fewer bytes is no place for the innermost axis: who goes through it row by row would be slow.
constexpr int64_t kLeastRow = 64;

// The axis order that stores a tensor of shape `to` as `x`, of shape `from`, is stored: where axes that merge
// or split lie side by side. The innermost one stays as it is or, without gaps and scales of its own, becomes
// others.
std::optional<Order> reshaped_order(const TensorDesc& x, const Shape& from, const Shape& to) {
  const size_t rank = from.size();
  std::vector<Order> becomes(rank);         // by the first axis of a group, the axes that it turns into
  std::vector<size_t> follows(rank, rank);  // the next axis of the same group
  Order order;                              // extents of 1 stand outermost
  for (size_t i = 0, j = 0; i < rank || j < to.size();) {
    if (i < rank && from[i] == 1) {
      ++i;
    } else if (j < to.size() && to[j] == 1) {
      order.push_back(static_cast<uint8_t>(j++));
    } else if (i == rank || j == to.size()) {
      return std::nullopt;
    } else {
      const size_t first = i;
      int64_t have = from[i++], want = to[j];
      becomes[first].push_back(static_cast<uint8_t>(j++));
      for (size_t last = first; have != want;) {
        if (have < want) {
          if (i == rank) return std::nullopt;
          if (from[i] != 1) follows[last] = i, last = i;
          have *= from[i++];
        } else {
          if (j == to.size()) return std::nullopt;
          (to[j] == 1 ? order : becomes[first]).push_back(static_cast<uint8_t>(j));
          want *= to[j++];
        }
      }
    }
  }
  size_t expected = rank;
  for (uint8_t axis : x.order) {
    if (from[axis] == 1) continue;
    if (expected == rank ? becomes[axis].empty() : axis != expected) return std::nullopt;
    if (expected == rank) order.insert(order.end(), becomes[axis].begin(), becomes[axis].end());
    expected = follows[axis];
  }
  const bool whole = expected == rank && order.size() == to.size();
  if (!whole || order.empty()) return std::nullopt;
  const int64_t row = to[order.back()];
  const bool fits = row == x.dims.back() || (x.dense() && x.quant.scales.size() <= 1 &&
                                             row * static_cast<int64_t>(dtype_size(x.dtype)) >= kLeastRow);
  return fits ? std::optional(order) : std::nullopt;
}

// The same elements in ONNX order under another shape.
void lower_reshape(Lowering& lowering, const Node& node) {
  const Shape &from = node.input(0)->shape, &to = node.outputs[0]->shape;
  TensorId x = lowering.input(0);
  Order wide;
  for (uint8_t axis : lowering.desc(x).order)
    if (from[axis] != 1) wide.push_back(axis);
  if (!std::is_sorted(wide.begin(), wide.end()) && num_elements(from) > 0)
    if (const auto order = reshaped_order(lowering.desc(x), from, to))
      return lowering.bind(node.outputs[0], lowering.view(x, compiler::dims_in_order(to, *order), *order));
  x = lowering.in_order(x, compiler::identity_order(from.size()));
  lowering.bind(node.outputs[0], lowering.view(x, to));
}

}  // namespace

void Reshape::infer(InferContext& c) {
  Shape shape = c.ints(1);
  const bool zero_is_zero = c.node().attr_int("allowzero", 0) != 0;
  int64_t known = 1;
  size_t open = shape.size();
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0 && !zero_is_zero) {
      c.require(i < c.shape(0).size(), "a 0 in `shape` has no input dimension to copy");
      shape[i] = c.shape(0)[i];
    }
    if (shape[i] == -1) {
      c.require(open == shape.size(), "`shape` has more than one -1");
      open = i;
    } else {
      known = checked_mul(known, shape[i]);
    }
  }
  const int64_t total = num_elements(c.shape(0));
  if (open < shape.size()) {
    c.require(known > 0 && total % known == 0,
              fmt::format("cannot reshape {} into {}", to_string(c.shape(0)), to_string(shape)));
    shape[open] = total / known;
  }
  c.require(num_elements(shape) == total,
            fmt::format("cannot reshape {} into {}", to_string(c.shape(0)), to_string(shape)));
  c.set(0, c.dtype(0), shape);
}
QuantRule Reshape::quant(const Node&) { return passive(); }
void Reshape::lower(Lowering& lowering, const Node& node) { lower_reshape(lowering, node); }

void Flatten::infer(InferContext& c) {
  int64_t axis = c.node().attr_int("axis", 1);
  if (axis < 0) axis += c.rank(0);
  c.require(axis >= 0 && axis <= c.rank(0), "axis is out of range");
  const Shape& s = c.shape(0);
  c.set(0, c.dtype(0),
        {num_elements(Shape(s.begin(), s.begin() + axis)), num_elements(Shape(s.begin() + axis, s.end()))});
}
QuantRule Flatten::quant(const Node&) { return passive(); }
void Flatten::lower(Lowering& lowering, const Node& node) { lower_reshape(lowering, node); }

void Squeeze::upgrade(Rewriter& r, Node&) { r.ints_to_input("axes", 1); }
void Squeeze::infer(InferContext& c) {
  auto axes = c.ints(1);
  const bool all = axes.empty();
  for (auto& a : axes) a = c.axis(a, c.rank(0));
  Shape shape;
  for (int64_t i = 0; i < c.rank(0); ++i) {
    const int64_t extent = c.shape(0)[static_cast<size_t>(i)];
    const bool named = std::find(axes.begin(), axes.end(), i) != axes.end();
    c.require(!named || extent == 1, fmt::format("axis {} has extent {}, only 1 can be removed", i, extent));
    if (!(named || (all && extent == 1))) shape.push_back(extent);
  }
  c.set(0, c.dtype(0), shape);
}
QuantRule Squeeze::quant(const Node&) { return passive(); }
void Squeeze::lower(Lowering& lowering, const Node& node) { lower_reshape(lowering, node); }

void Unsqueeze::upgrade(Rewriter& r, Node&) { r.ints_to_input("axes", 1); }
void Unsqueeze::infer(InferContext& c) {
  auto axes = c.ints(1);
  const int64_t rank = c.rank(0) + static_cast<int64_t>(axes.size());
  for (auto& a : axes) a = c.axis(a, rank);
  std::sort(axes.begin(), axes.end());
  c.require(std::adjacent_find(axes.begin(), axes.end()) == axes.end(), "an axis is named twice");
  Shape shape = c.shape(0);
  for (int64_t a : axes) shape.insert(shape.begin() + a, 1);
  c.set(0, c.dtype(0), shape);
}
QuantRule Unsqueeze::quant(const Node&) { return passive(); }
void Unsqueeze::lower(Lowering& lowering, const Node& node) { lower_reshape(lowering, node); }

void Identity::infer(InferContext& c) { c.set(0, c.dtype(0), c.shape(0)); }
QuantRule Identity::quant(const Node&) { return passive(); }
void Identity::lower(Lowering& lowering, const Node& node) {
  lowering.bind(node.outputs[0], lowering.input(0));
}

void Dropout::upgrade(Rewriter& r, Node& node) {
  const Value* training = node.input(2);
  if (training && !(training->is_constant() && training->dtype == DType::boolean &&
                    training->constant->size() == 1 && training->constant->bytes()[0] == std::byte{0}))
    fail(ErrorCode::model_unsupported_op, "{}: it may be in training mode; export the model for inference",
         node.describe());
  Value* data = node.inputs[0];
  if (node.outputs.size() > 1) {  // nothing is dropped
    r.require_foldable(data->shape);
    Tensor mask(DType::boolean, data->shape);
    std::fill(mask.bytes().begin(), mask.bytes().end(), std::byte{1});
    r.result(1, r.constant(std::move(mask)));
  }
  r.result(0, data);
}

namespace {
std::vector<int64_t> permutation(const Node& node) {
  const auto rank = static_cast<int64_t>(node.input(0)->shape.size());
  std::vector<int64_t> reversed(static_cast<size_t>(rank));
  for (int64_t i = 0; i < rank; ++i) reversed[static_cast<size_t>(i)] = rank - 1 - i;
  auto perm = node.attr_ints("perm", reversed);
  auto sorted = perm;
  std::sort(sorted.begin(), sorted.end());
  std::sort(reversed.begin(), reversed.end());
  if (sorted != reversed)
    fail(ErrorCode::model_bad_attribute, "{}: attribute 'perm' [{}] is not a permutation of {} axes",
         node.describe(), fmt::join(perm, ", "), rank);
  return perm;
}
}  // namespace

void Transpose::infer(InferContext& c) {
  Shape shape;
  for (int64_t axis : permutation(c.node())) shape.push_back(c.shape(0)[static_cast<size_t>(axis)]);
  c.set(0, c.dtype(0), shape);
}
QuantRule Transpose::quant(const Node&) { return passive(); }
void Transpose::lower(Lowering& lowering, const Node& node) {
  // No data moves: the stored dimensions get new axis labels.
  const auto perm = permutation(node);
  const TensorId x = lowering.input(0);
  Order order = lowering.desc(x).order;
  for (auto& axis : order)
    axis = static_cast<uint8_t>(std::find(perm.begin(), perm.end(), axis) - perm.begin());
  lowering.bind(node.outputs[0], lowering.relabel(x, order));
}

void Concat::infer(InferContext& c) {
  const int64_t axis = c.axis(c.node().attr_int("axis", 1), c.rank(0));
  Shape shape = c.shape(0);
  for (size_t i = 1; i < c.node().inputs.size(); ++i) {
    c.require(c.dtype(i) == c.dtype(0), "inputs must have the same element type");
    c.require(c.rank(i) == c.rank(0), "inputs must have the same rank");
    for (size_t d = 0; d < shape.size(); ++d)
      if (d == static_cast<size_t>(axis))
        shape[d] += c.shape(i)[d];
      else
        c.require(shape[d] == c.shape(i)[d],
                  fmt::format("input {} of shape {} does not fit", i, to_string(c.shape(i))));
  }
  c.set(0, c.dtype(0), shape);
}
QuantRule Concat::quant(const Node& node) {
  QuantRule rule{QuantKind::concat, "", {}, 0, true};
  for (size_t i = 0; i < node.inputs.size(); ++i)
    if (!node.input(i)->is_constant()) rule.activations.push_back(i);
  return rule;
}

namespace {
// An input of a Concat: what is stored, and for int8 the table that brings it to the result's parameters.
struct ConcatPart {
  TensorId stored;
  std::optional<compiler::Table> table;
};

ConcatPart concat_part(Lowering& lowering, const Node& node, size_t i) {
  const Value *value = node.input(i), *result = node.outputs[0];
  if (!lowering.int8()) return {lowering.input(i), std::nullopt};
  const QuantParams& quant = *result->quant;
  if (value->is_constant()) {  // in the result's codes at once
    const auto values = value->constant->data<float>();
    const Tensor codes =
        result->codes == DType::i16
            ? Tensor::from<int16_t>(value->shape, compiler::quantize_codes_int16(values, quant))
            : Tensor::from<int8_t>(value->shape, compiler::quantize_codes(values, quant));
    return {lowering.constant(codes, quant), std::nullopt};
  }
  if (lowering.int16()) return {lowering.input(i), std::nullopt};
  const auto pending = lowering.deferred(value);
  ConcatPart part{pending ? pending->base : lowering.input(i), std::nullopt};
  if (pending || *value->quant != quant) part.table = compiler::requantize_table(*value->quant, quant);
  if (pending) {
    const compiler::Table requantize = *part.table;
    for (size_t k = 0; k < 256; ++k)
      (*part.table)[k] = requantize[static_cast<size_t>(pending->table[k] + 128)];
  }
  return part;
}
}  // namespace

void Concat::lower(Lowering& lowering, const Node& node) {
  const Value* result = node.outputs[0];
  const auto rank = static_cast<int64_t>(result->shape.size());
  const int64_t axis = node.attr_int("axis", 1) + (node.attr_int("axis", 1) < 0 ? rank : 0);
  std::vector<ConcatPart> parts;
  for (size_t i = 0; i < node.inputs.size(); ++i) parts.push_back(concat_part(lowering, node, i));
  // The order of the first computed input: constants are reordered here.
  const auto first_computed =
      std::find_if(node.inputs.begin(), node.inputs.end(), [](const Value* v) { return !v->is_constant(); });
  const auto leader = first_computed == node.inputs.end() ? 0 : first_computed - node.inputs.begin();
  const Order order = lowering.desc(parts[static_cast<size_t>(leader)].stored).order;
  const TensorId y = lowering.output(result, order);
  const size_t dim = compiler::memory_dim(lowering.desc(y), axis);
  int64_t first = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    const int64_t extent = node.input(i)->shape[static_cast<size_t>(axis)];
    if (num_elements(node.input(i)->shape) > 0)
      lowering.place(parts[i].stored, y, dim, first, parts[i].table ? &*parts[i].table : nullptr);
    first += extent;
  }
}

SliceSpec slice_spec(const Node& node) {
  const Shape& in = node.input(0)->shape;
  SliceSpec s{Shape(in.size(), 0), Shape(in.size(), 1), in};
  const auto starts = constant_ints(node, 1), ends = constant_ints(node, 2);
  auto axes = constant_ints(node, 3), steps = constant_ints(node, 4);
  if (axes.empty())
    for (size_t i = 0; i < starts.size(); ++i) axes.push_back(static_cast<int64_t>(i));
  if (steps.empty()) steps.assign(starts.size(), 1);
  if (ends.size() != starts.size() || axes.size() != starts.size() || steps.size() != starts.size())
    fail(ErrorCode::model_bad_attribute, "{}: starts, ends, axes and steps differ in length",
         node.describe());
  for (size_t k = 0; k < starts.size(); ++k) {
    const int64_t axis = axes[k] < 0 ? axes[k] + static_cast<int64_t>(in.size()) : axes[k];
    if (axis < 0 || axis >= static_cast<int64_t>(in.size()) || steps[k] == 0)
      fail(ErrorCode::model_bad_attribute, "{}: axis {} or step {} is out of range", node.describe(), axes[k],
           steps[k]);
    const auto a = static_cast<size_t>(axis);
    const int64_t n = in[a], step = std::clamp<int64_t>(steps[k], -n - 1, n + 1);
    const bool back = step < 0;
    auto clip = [&](int64_t v, int64_t lo, int64_t hi) { return std::clamp(v < 0 ? v + n : v, lo, hi); };
    const int64_t first = clip(starts[k], 0, back ? n - 1 : n);
    const int64_t last = ends[k] < -n ? (back ? -1 : 0) : clip(ends[k], back ? -1 : 0, n);
    const int64_t room = back ? first - last : last - first;
    s.first[a] = first, s.step[a] = step;
    s.extent[a] = room <= 0 || n == 0 ? 0 : (room + std::abs(step) - 1) / std::abs(step);
  }
  return s;
}

namespace {
// Emits (or binds) the slice of `x` as `result`.
void lower_slice(Lowering& lowering, TensorId x, const SliceSpec& spec, const Value* result) {
  const TensorDesc d = lowering.desc(x);
  std::vector<size_t> cut;  // memory dimensions that shrink
  bool unit = true;
  for (size_t k = 0; k < d.rank(); ++k) {
    const auto axis = d.order[k];
    unit = unit && spec.step[axis] == 1;
    if (spec.extent[axis] != d.dims[k]) cut.push_back(k);
  }
  if (unit && cut.empty()) return lowering.bind(result, x);
  if (unit && cut.size() == 1 && spec.extent[d.order[cut[0]]] > 0 && lowering.can_slice(x, cut[0]))
    return lowering.bind(
        result, lowering.slice(x, cut[0], spec.first[d.order[cut[0]]], spec.extent[d.order[cut[0]]]));
  const TensorId y = lowering.output(result, d.order);
  CopyParams copy;
  copy.extent = lowering.desc(y).dims;
  copy.in_strides = d.strides();
  copy.out_strides = lowering.desc(y).strides();
  for (size_t k = 0; k < d.rank(); ++k) {
    copy.in_offset += spec.first[d.order[k]] * copy.in_strides[k];
    copy.in_strides[k] *= spec.step[d.order[k]];
  }
  if (num_elements(copy.extent) > 0) lowering.emit(copy, {x}, {y});
}
}  // namespace

void Slice::upgrade(Rewriter& r, Node&) {
  r.ints_to_input("starts", 1);
  r.ints_to_input("ends", 2);
  r.ints_to_input("axes", 3);
}
void Slice::infer(InferContext& c) { c.set(0, c.dtype(0), slice_spec(c.node()).extent); }
QuantRule Slice::quant(const Node&) { return passive(); }
void Slice::lower(Lowering& lowering, const Node& node) {
  lower_slice(lowering, lowering.input(0), slice_spec(node), node.outputs[0]);
}

void Split::upgrade(Rewriter& r, Node& node) {
  r.ints_to_input("split", 1);
  if (node.input(1)) return;
  // In equal parts, the last one smaller: before opset 18 as many as outputs, then num_outputs.
  const auto rank = static_cast<int64_t>(node.inputs[0]->shape.size());
  const int64_t axis = node.attr_int("axis", 0), parts = static_cast<int64_t>(node.outputs.size());
  const int64_t given = node.attr_int("num_outputs", parts);
  if (axis < -rank || axis >= rank || given != parts)
    fail(ErrorCode::model_bad_attribute,
         "{}: axis {} (rank {}) or num_outputs {} ({} outputs) is out of range", node.describe(), axis, rank,
         given, parts);
  const int64_t total = node.inputs[0]->shape[static_cast<size_t>(axis < 0 ? axis + rank : axis)];
  const int64_t each = (total + parts - 1) / parts;
  if (total > 0 && (parts - 1) * each >= total)
    fail(ErrorCode::model_bad_shape, "{}: an extent of {} cannot be split into {} parts", node.describe(),
         total, parts);
  std::vector<int64_t> sizes;
  for (int64_t i = 0; i < parts; ++i) sizes.push_back(std::clamp<int64_t>(total - i * each, 0, each));
  r.set_input(1, r.ints(sizes));
  node.attributes.erase("num_outputs");
}
void Split::infer(InferContext& c) {
  const int64_t axis = c.axis(c.node().attr_int("axis", 0), c.rank(0));
  const auto sizes = c.ints(1);
  c.require(sizes.size() == c.node().outputs.size(),
            "the number of parts differs from the number of outputs");
  int64_t left = c.shape(0)[static_cast<size_t>(axis)];
  for (int64_t n : sizes) {  // sums of what a file says may not fit
    c.require(n >= 0 && n <= left, "the parts do not add up to the input");
    left -= n;
  }
  c.require(left == 0, "the parts do not add up to the input");
  for (size_t i = 0; i < sizes.size(); ++i) {
    Shape shape = c.shape(0);
    shape[static_cast<size_t>(axis)] = sizes[i];
    c.set(i, c.dtype(0), shape);
  }
}
QuantRule Split::quant(const Node&) { return passive(); }
void Split::lower(Lowering& lowering, const Node& node) {
  const Shape& in = node.input(0)->shape;
  const auto rank = static_cast<int64_t>(in.size());
  const int64_t axis = node.attr_int("axis", 0);
  const auto a = static_cast<size_t>(axis < 0 ? axis + rank : axis);
  SliceSpec spec{Shape(in.size(), 0), Shape(in.size(), 1), in};
  for (const Value* out : node.outputs) {
    spec.extent[a] = out->shape[a];
    lower_slice(lowering, lowering.input(0), spec, out);
    spec.first[a] += out->shape[a];
  }
}

}  // namespace openhb::ops
