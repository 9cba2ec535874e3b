// SPDX-License-Identifier: Apache-2.0
#include "host/ops/pool.h"

#include <algorithm>

#include "host/compiler/lowering.h"

namespace openhb::ops {
namespace {

using compiler::Lowering;
using compiler::TensorId;

// The window of a pool over one to three spatial dimensions, padding decided.
struct PoolWindow {
  std::vector<int64_t> kernel, stride, dilation, pads;  // pads: all before, then all after
  Shape out;                                            // spatial extents of the result
};

std::vector<int64_t> list_of(const Node& node, std::string_view name, size_t size, int64_t fallback,
                             int64_t least) {
  constexpr int64_t kLargest = 1 << 16;
  auto list = node.attr_ints(name, std::vector<int64_t>(fallback < least ? 0 : size, fallback));
  if (list.size() != size)
    fail(ErrorCode::model_bad_attribute, "{}: attribute '{}' has {} values, expected {}", node.describe(),
         name, list.size(), size);
  for (int64_t v : list)
    if (v < least || v > kLargest)
      fail(ErrorCode::model_bad_attribute, "{}: attribute '{}' holds {}, expected {} to {}", node.describe(),
           name, v, least, kLargest);
  return list;
}

PoolWindow window_of(const Node& node) {
  const Shape& in = node.input(0)->shape;
  const size_t n = in.size() - 2;
  PoolWindow w{list_of(node, "kernel_shape", n, 0, 1),
               list_of(node, "strides", n, 1, 1),
               list_of(node, "dilations", n, 1, 1),
               list_of(node, "pads", 2 * n, 0, 0),
               {}};
  const bool ceil_mode = node.attr_int("ceil_mode", 0) != 0;
  const std::string auto_pad = node.attr_string("auto_pad", "NOTSET");
  const bool upper = auto_pad == "SAME_UPPER", lower = auto_pad == "SAME_LOWER";
  if (!upper && !lower && auto_pad != "VALID" && auto_pad != "NOTSET")
    fail(ErrorCode::model_bad_attribute,
         "{}: attribute 'auto_pad' is '{}', expected NOTSET, VALID, SAME_UPPER or SAME_LOWER",
         node.describe(), auto_pad);
  for (size_t i = 0; i < n; ++i) {
    const int64_t extent = in[i + 2], span = (w.kernel[i] - 1) * w.dilation[i] + 1;
    if (upper || lower) {
      const int64_t out = (extent + w.stride[i] - 1) / w.stride[i];
      const int64_t total = std::max<int64_t>((out - 1) * w.stride[i] + span - extent, 0);
      w.pads[i] = upper ? total / 2 : total - total / 2;
      w.pads[n + i] = total - w.pads[i];
    } else if (auto_pad == "VALID") {
      w.pads[i] = w.pads[n + i] = 0;
    }
    const int64_t room = extent + w.pads[i] + w.pads[n + i] - span;
    // A window that begins in the end padding is dropped.
    int64_t out = room < 0 ? 0 : (room + (ceil_mode ? w.stride[i] - 1 : 0)) / w.stride[i] + 1;
    if (ceil_mode && room < 0 && room + w.stride[i] > 0) out = 1;
    if (ceil_mode && out > 1 && (out - 1) * w.stride[i] >= extent + w.pads[i]) --out;
    if (out <= 0)
      fail(ErrorCode::model_bad_shape, "{}: a window of {} does not fit an extent of {}", node.describe(),
           span, extent + w.pads[i] + w.pads[n + i]);
    w.out.push_back(out);
  }
  return w;
}

void require_spatial(InferContext& c) {
  c.require(c.rank(0) >= 3 && c.rank(0) <= 5,
            "the input must have rank 3, 4 or 5 (one to three spatial dimensions)");
}

// Whether window `o` along spatial axis `i` has a position inside the input.
bool sees_input(const PoolWindow& w, size_t i, int64_t o, int64_t extent) {
  const int64_t start = o * w.stride[i] - w.pads[i];
  const int64_t first = start >= 0 ? 0 : (-start + w.dilation[i] - 1) / w.dilation[i];
  return first < w.kernel[i] && start + first * w.dilation[i] < extent;
}

// `empty_windows`: windows that lie wholly in the padding have a result, too.
Shape pooled_shape(InferContext& c, bool empty_windows = false) {
  require_spatial(c);
  Shape shape{c.shape(0)[0], c.shape(0)[1]};
  const PoolWindow w = window_of(c.node());
  shape.insert(shape.end(), w.out.begin(), w.out.end());
  if (num_elements(shape) == 0 || empty_windows) return shape;
  for (size_t i = 0; i < w.out.size(); ++i) {
    const int64_t extent = c.shape(0)[i + 2], span = (w.kernel[i] - 1) * w.dilation[i] + 1;
    // Windows [left, right) lie inside.
    const int64_t left = std::min((w.pads[i] + w.stride[i] - 1) / w.stride[i], w.out[i]);
    const int64_t room = extent + w.pads[i] - span;
    const int64_t right = std::clamp(room < 0 ? 0 : room / w.stride[i] + 1, left, w.out[i]);
    bool seen = true;
    for (int64_t o = 0; o < left; ++o) seen = seen && sees_input(w, i, o, extent);
    for (int64_t o = right; o < w.out[i]; ++o) seen = seen && sees_input(w, i, o, extent);
    c.require_support(
        seen, fmt::format("a window along axis {} lies wholly in the padding; use less padding", i + 2));
  }
  return shape;
}

bool reaches_beyond_padding(const PoolWindow& w, const Shape& in) {
  for (size_t i = 0; i < w.out.size(); ++i)
    if ((w.out[i] - 1) * w.stride[i] + (w.kernel[i] - 1) * w.dilation[i] + 1 >
        in[i + 2] + w.pads[i] + w.pads[w.out.size() + i])
      return true;
  return false;
}

// The Pool step knows windows of height and width that end in the padding; [N, L, C] becomes [N, 1, L, C].
void emit_planar(Lowering& lowering, const PoolWindow& w, PoolParams p, TensorId x, TensorId y) {
  const auto four = [&](TensorId id) {
    const Shape d = lowering.desc(id).dims;
    return d.size() == 3 ? lowering.view(id, {d[0], 1, d[1], d[2]}) : id;
  };
  x = four(x), y = four(y);
  const size_t n = w.kernel.size();
  for (size_t i = 0; i < n; ++i) {
    const size_t d = i + 2 - n;
    p.kernel[d] = static_cast<int32_t>(w.kernel[i]);
    p.stride[d] = static_cast<int32_t>(w.stride[i]);
    p.dilation[d] = static_cast<int32_t>(w.dilation[i]);
    p.pads[d] = static_cast<int32_t>(w.pads[i]);
    // ceil_mode: windows reach past the declared padding; say so to the step.
    const int64_t in = lowering.desc(x).dims[d + 1], out = lowering.desc(y).dims[d + 1];
    const int64_t reach = (out - 1) * w.stride[i] + (w.kernel[i] - 1) * w.dilation[i] + 1 - in - w.pads[i];
    p.pads[d + 2] = static_cast<int32_t>(std::max(w.pads[n + i], reach));
  }
  lowering.emit(p, {x}, {y});
}

void emit_windows(Lowering& lowering, const Node& node, WindowFunction function, TensorId x, TensorId y) {
  const PoolWindow w = window_of(node);
  WindowPoolParams p;
  p.function = function;
  p.kernel = w.kernel, p.stride = w.stride, p.dilation = w.dilation, p.pads = w.pads;
  p.count_include_pad = node.attr_int("count_include_pad", 0) != 0 ? 1 : 0;
  p.column_major = node.attr_int("storage_order", 0) != 0 ? 1 : 0;
  lowering.emit(p, {x}, {y});
}

// `averages`: sums of int16 and int8 codes run in int16.
TensorId spatial_input(Lowering& lowering, const Node& node, bool averages = false) {
  const TensorId stored = averages && lowering.int16() ? lowering.as_int16(node.input(0)) : lowering.input(0);
  return lowering.in_order(stored, compiler::channels_last(node.input(0)->shape.size()));
}

// Whether the Pool step takes a pool, which is faster and has int16 averages; else WindowPool does.
bool planar(const Node& node, const PoolWindow& w) {
  const bool counts_padding = node.op == "AveragePool" && node.attr_int("count_include_pad", 0) != 0;
  return w.kernel.size() <= 2 && !(counts_padding && reaches_beyond_padding(w, node.input(0)->shape));
}

void lower_windows(Lowering& lowering, const Node& node, PoolMode mode) {
  const PoolWindow w = window_of(node);
  const bool max = mode == PoolMode::max;
  const TensorId x = spatial_input(lowering, node, !max);
  const TensorId y = lowering.output(node.outputs[0], compiler::channels_last(w.kernel.size() + 2));
  const bool known_type = lowering.int8() || lowering.desc(x).dtype == DType::f32;
  if (!planar(node, w) || !known_type)
    return emit_windows(lowering, node, max ? WindowFunction::max : WindowFunction::average, x, y);
  PoolParams p{.mode = mode};
  p.count_include_pad = !max && node.attr_int("count_include_pad", 0) != 0 ? 1 : 0;
  emit_planar(lowering, w, p, x, y);
}

}  // namespace

void MaxPool::infer(InferContext& c) {
  c.require_type(0, {DType::f32, DType::i8, DType::u8});
  const Shape shape = pooled_shape(c);
  c.set(0, c.dtype(0), shape);
  c.set(1, DType::i64, shape);
}
QuantRule MaxPool::quant(const Node&) { return {QuantKind::passive, "", {0}, 0, true}; }
void MaxPool::lower(Lowering& lowering, const Node& node) {
  lower_windows(lowering, node, PoolMode::max);
  if (node.outputs.size() < 2) return;
  const TensorId x = spatial_input(lowering, node);
  const TensorId y = lowering.output(node.outputs[1], compiler::channels_last(node.input(0)->shape.size()));
  emit_windows(lowering, node, WindowFunction::position, x, y);
}

void AveragePool::infer(InferContext& c) {
  c.require_type(0, {DType::f32});
  c.set(0, c.dtype(0), pooled_shape(c, c.node().attr_int("count_include_pad", 0) != 0));
}
QuantRule AveragePool::quant(const Node& node) {
  return {QuantKind::arithmetic, "", {0}, 0, planar(node, window_of(node))};
}
void AveragePool::lower(Lowering& lowering, const Node& node) {
  lower_windows(lowering, node, PoolMode::average);
}

void GlobalAveragePool::infer(InferContext& c) {
  c.require_type(0, {DType::f32});
  c.require(c.rank(0) >= 3, "the input must have at least one spatial dimension");
  Shape shape = c.shape(0);
  for (size_t i = 2; i < shape.size(); ++i) shape[i] = 1;
  c.set(0, c.dtype(0), shape);
}
QuantRule GlobalAveragePool::quant(const Node&) { return {QuantKind::arithmetic, "", {0}, 0, true}; }
void GlobalAveragePool::lower(Lowering& lowering, const Node& node) {
  // All pixels in one row.
  const auto plane = [&](TensorId id) {
    const Shape d = lowering.desc(id).dims;
    return lowering.view(id, {d[0], 1, num_elements(Shape(d.begin() + 1, d.end() - 1)), d.back()});
  };
  const TensorId x = plane(spatial_input(lowering, node, true));
  const TensorId y =
      plane(lowering.output(node.outputs[0], compiler::channels_last(node.input(0)->shape.size())));
  lowering.emit(PoolParams{.mode = PoolMode::global_average}, {x}, {y});
}

namespace {
float order_of(const Node& node) {
  const int64_t p = node.attr_int("p", 2);
  if (p < 1 || p > 1000)
    fail(ErrorCode::model_bad_attribute, "{}: attribute 'p' holds {}, expected 1 to 1000", node.describe(),
         p);
  return static_cast<float>(p);
}
}  // namespace

void LpPool::infer(InferContext& c) {
  c.require_type(0, {DType::f32});
  order_of(c.node());
  c.set(0, c.dtype(0), pooled_shape(c));
}
QuantRule LpPool::quant(const Node&) {
  return float_only(
      "powers of its inputs need more range than int8 has; AveragePool or MaxPool can stay int8");
}
void LpPool::lower(Lowering& lowering, const Node& node) {
  const float p = order_of(node);
  const TensorId x = spatial_input(lowering, node);
  const compiler::Order order = compiler::channels_last(node.input(0)->shape.size());
  const TensorId y = lowering.output(node.outputs[0], order);
  const auto like = [&](TensorId id) { return lowering.scratch(DType::f32, lowering.desc(id).dims, order); };
  const auto unary = [&](UnaryFunction f, TensorId from, TensorId to) {
    lowering.emit(UnaryParams{f}, {from}, {to});
    return to;
  };
  const auto power = [&](float exponent, TensorId from, TensorId to) {
    const TensorId e = lowering.constant<float>({}, std::vector<float>{exponent});
    lowering.emit(BinaryParams{BinaryFunction::pow}, {from, e}, {to});
    return to;
  };
  TensorId terms = unary(p == 2 ? UnaryFunction::square : UnaryFunction::abs, x, like(x));
  if (p > 2) terms = power(p, terms, like(x));
  if (p == 1) return emit_windows(lowering, node, WindowFunction::sum, terms, y);
  const TensorId sums = like(y);
  emit_windows(lowering, node, WindowFunction::sum, terms, sums);
  p == 2 ? unary(UnaryFunction::sqrt, sums, y) : power(1 / p, sums, y);
}

}  // namespace openhb::ops
