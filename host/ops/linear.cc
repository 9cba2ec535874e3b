// SPDX-License-Identifier: Apache-2.0
// Sums of products: Conv, Gemm, MatMul, BatchNormalization and the pre-processing node.
#include "host/ops/linear.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "device/kernels/conv/pack.h"
#include "host/compiler/lowering.h"
#include "host/ops/convolution.h"
#include "host/ops/expand.h"
#include "host/ops/focus.h"
#include "host/ops/linear_step.h"
#include "host/ops/pack.h"

namespace openhb::ops {
namespace {

using compiler::Lowering;
using compiler::TensorId;

std::vector<float> bias_or_zero(const Linear& linear) {
  if (!linear.bias) return std::vector<float>(static_cast<size_t>(linear.shape[0]), 0.0f);
  const auto b = linear.bias->data<float>();
  return {b.begin(), b.end()};
}

bool is_depthwise(const Linear& linear, int64_t in_channels) {
  return linear.groups > 1 && linear.groups == in_channels && linear.shape[0] == in_channels;
}

}  // namespace

void emit_linear(Lowering& lowering, const Linear& linear, TensorId x, TensorId y, float lo, float hi) {
  const Shape& w = linear.shape;
  const int64_t outputs = w[0], per_group = w[1], taps = w[2] * w[3], groups = linear.groups;
  const auto out32 = static_cast<int32_t>(outputs), cg = static_cast<int32_t>(per_group);
  const auto kh = static_cast<int32_t>(w[2]), kw = static_cast<int32_t>(w[3]),
             g32 = static_cast<int32_t>(groups);
  const bool depthwise = is_depthwise(linear, lowering.desc(x).dims[3]);
  const int64_t padded = depthwise ? (outputs + 15) / 16 * 16 : groups * ((outputs / groups + 15) / 16 * 16);
  auto per_channel = [&]<class T>(const std::vector<T>& v) {
    return lowering.constant<T>({padded}, pack_channels<T>(v, out32, depthwise ? 1 : g32));
  };
  std::vector<TensorId> inputs{x};
  const auto emit_step = [&] {
    const Window& w = linear.window;
    if (depthwise)
      lowering.emit(DepthwiseParams{w.kernel, w.stride, w.dilation, w.pads, lo, hi}, inputs, {y});
    else
      lowering.emit(ConvParams{w.kernel, w.stride, w.dilation, w.pads, g32, lo, hi}, inputs, {y});
  };
  if (linear.integer) {
    const auto& q = *linear.integer;
    const TensorDesc in = lowering.desc(x), out = lowering.desc(y);
    const int64_t each = per_group * taps;
    if (depthwise)
      inputs.push_back(lowering.constant<int8_t>({taps, padded}, pack_depthwise_i8(q.codes, out32, kh, kw)));
    else
      inputs.push_back(
          lowering.constant<int8_t>({groups, padded / groups / 16, taps, (per_group + 3) / 4, 16, 4},
                                    pack_conv_i8(q.codes, out32, cg, kh, kw, g32)));
    if (in.dtype == DType::i16) {
      std::vector<double> multiplier;
      for (float scale : q.scales) multiplier.push_back(double{in.quant.scale()} * double{scale});
      if (out.dtype != DType::f32)
        for (double& m : multiplier) m /= double{out.quant.scale()};
      inputs.push_back(per_channel(q.wide_bias));
      inputs.push_back(per_channel(multiplier));
      return emit_step();
    }
    std::vector<int32_t> folded(q.bias), sum128(static_cast<size_t>(outputs));
    std::vector<float> multiplier(static_cast<size_t>(outputs));
    for (int64_t o = 0; o < outputs; ++o) {
      const auto i = static_cast<size_t>(o);
      const auto first = q.codes.begin() + o * each;
      const int32_t sum = std::accumulate(first, first + each, 0);
      folded[i] -= in.quant.zero_point() * sum;
      sum128[i] = 128 * sum;
      multiplier[i] = in.quant.scale() * q.scales[i];
      if (out.dtype != DType::i32) multiplier[i] = multiplier[i] / out.quant.scale();
    }
    inputs.push_back(per_channel(folded));
    inputs.push_back(per_channel(sum128));
    if (out.dtype != DType::i32) inputs.push_back(per_channel(multiplier));
  } else if (linear.weight_value) {
    inputs.push_back(
        depthwise ? packed_depthwise(lowering, linear.weight_value, outputs, taps)
                  : packed_weights(lowering, linear.weight_value, groups, outputs / groups, per_group, taps));
    const int64_t rows = depthwise ? 1 : groups;
    inputs.push_back(
        linear.bias_value
            ? lowering.view(padded_rows(lowering, linear.bias_value, rows, outputs / rows), {padded})
            : per_channel(bias_or_zero(linear)));
  } else {
    const auto data = linear.weights.data<float>();
    if (depthwise)
      inputs.push_back(lowering.constant<float>({taps, padded}, pack_depthwise_f32(data, out32, kh, kw)));
    else
      inputs.push_back(lowering.constant<float>({groups, padded / groups / 16, taps, per_group, 16},
                                                pack_conv_f32(data, out32, cg, kh, kw, g32)));
    inputs.push_back(per_channel(bias_or_zero(linear)));
  }
  emit_step();
}

std::pair<float, float> code_bounds(const TensorDesc& y, float lo, float hi) {
  const auto [least, most] = compiler::code_range(y.dtype);
  auto code = [&, least = least, most = most](float real) {
    if (std::isinf(real)) return real < 0 ? least : most;
    return std::clamp(std::nearbyint(real / y.quant.scale()) + static_cast<float>(y.quant.zero_point()),
                      least, most);
  };
  return {code(lo), code(hi)};
}

namespace {

// Lowers to `node`'s output. `as_nhwc` turns a tensor of the value's rank, channels last, into a 4-D one.
// `focus`: x is not the Conv's input but the source of that.
template <class View>
void lower_linear(Lowering& lowering, const Node& node, Linear linear, TensorId x, int weight_axis,
                  const compiler::Order& order, View as_nhwc, const std::optional<Focus>& focus = {}) {
  quantize::IntegerWeights integer;
  if (lowering.int8()) {
    integer = quantize::quantize_weights(*node.input(1)->constant, weight_axis, linear.bias,
                                         lowering.desc(x).quant.scale(), lowering.desc(x).dtype,
                                         given_scales(*node.input(1)));
    if (weight_axis != 0) {  // [K, N] to [N, K]
      const Shape& s = node.input(1)->constant->shape();
      std::vector<int8_t> moved(integer.codes.size());
      for (int64_t k = 0; k < s[0]; ++k)
        for (int64_t n = 0; n < s[1]; ++n)
          moved[static_cast<size_t>(n * s[0] + k)] = integer.codes[static_cast<size_t>(k * s[1] + n)];
      integer.codes = std::move(moved);
    }
    if (focus) apply_focus(*focus, linear, integer.codes);
    linear.integer = &integer;
  }
  const auto fused = lowering.fused_output(node, true);
  const TensorId x4 = as_nhwc(x);
  const bool real = linear.integer && !fused.value->quant;  // for a float consumer
  if (real && lowering.desc(x).dtype == DType::i8) {        // the accumulators themselves
    const Shape dims = compiler::dims_in_order(fused.value->shape, order);
    QuantParams per_channel;
    for (float s : integer.scales) per_channel.scales.push_back(lowering.desc(x).quant.scale() * s);
    per_channel.zero_points.assign(per_channel.scales.size(), 0);
    per_channel.axis = static_cast<int32_t>(dims.size()) - 1;
    const TensorId accumulators = lowering.scratch(DType::i32, dims, order, per_channel);
    emit_linear(lowering, linear, x4, as_nhwc(accumulators), 0, 0);
    lowering.bind_dequantized(fused.value, accumulators);
    return;
  }
  const TensorId y = lowering.output(fused.value, order);
  float lo = fused.lo, hi = fused.hi;
  if (linear.integer && !real) std::tie(lo, hi) = code_bounds(lowering.desc(y), lo, hi);
  emit_linear(lowering, linear, x4, as_nhwc(y), lo, hi);
}

// [K, N] (or [N, K] when `transposed`) to [N, K, 1, 1].
Tensor matrix_weights(const Tensor& b, bool transposed) {
  const int64_t n = b.shape()[transposed ? 0 : 1], k = b.shape()[transposed ? 1 : 0];
  Tensor w(DType::f32, {n, k, 1, 1});
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < k; ++j)
      w.data<float>()[static_cast<size_t>(i * k + j)] =
          b.data<float>()[static_cast<size_t>(transposed ? i * k + j : j * n + i)];
  return w;
}

std::string weights_reason(const Node& node) {
  return node.input(1) && node.input(1)->is_constant() ? ""
                                                       : "its weights are computed at run time, not constant";
}

}  // namespace

void Conv::upgrade(Rewriter& r, Node& node) {
  if (node.input(0)->shape.size() == 5) expand_conv_3d(r, node);
}

void Conv::infer(InferContext& c) {
  c.require_type(0, {DType::f32});
  c.require(c.rank(0) == 3 || c.rank(0) == 4, "the input must have rank 3, 4 or 5 (1-D to 3-D convolution)");
  c.require_type(1, {DType::f32});
  c.require(c.rank(1) == c.rank(0), "weights and input must have the same rank");
  c.require(num_elements(c.shape(1)) > 0, "the weights are empty");
  const Window window = window_of(c.node(), c.shape(0), Shape(c.shape(1).begin() + 2, c.shape(1).end()));
  const int64_t groups = c.node().attr_int("group", 1);
  c.require(groups >= 1 && c.shape(1)[0] % groups == 0 && c.shape(1)[1] * groups == c.shape(0)[1],
            fmt::format("weights {} do not fit {} input channels in {} groups", to_string(c.shape(1)),
                        c.shape(0)[1], groups));
  if (c.has(2)) {
    c.require_type(2, {DType::f32});
    c.require(c.shape(2) == Shape{c.shape(1)[0]}, "the bias must have one value per output channel");
  }
  c.set(0, c.dtype(0), window.output_shape(c.shape(0), c.shape(1)[0], c));
}

QuantRule Conv::quant(const Node& node) {
  if (auto reason = weights_reason(node); !reason.empty()) return float_only(reason);
  if (node.input(2) && !node.input(2)->is_constant())
    return float_only("its bias is computed at run time, not constant");
  return {QuantKind::compute, "", {0}, 0, true};
}

void Conv::lower(Lowering& lowering, const Node& node) {
  const Shape& shape = node.input(0)->shape;
  const compiler::Order order = compiler::channels_last(shape.size());
  const Value *w = node.input(1), *bias = node.input(2);
  Linear linear;
  linear.window = window_of(node, shape, Shape(w->shape.begin() + 2, w->shape.end()));
  linear.groups = node.attr_int("group", 1);
  linear.shape = w->shape;
  if (linear.shape.size() == 3) linear.shape.insert(linear.shape.begin() + 2, 1);
  if (w->is_constant() && (!bias || bias->is_constant())) {
    linear.weights = w->constant->reshaped(linear.shape);
    linear.bias = bias ? bias->constant.get() : nullptr;
  } else {
    linear.weight_value = w;
    linear.bias_value = bias;
  }
  const bool foldable = lowering.int8() && linear.groups == 1 &&
                        linear.window.dilation == decltype(linear.window.dilation){1, 1};
  const auto focus = foldable ? focus_of(node.input(0)) : std::nullopt;
  // With pixels as the weights hold them, a row of the window is one run of bytes.
  const bool wide = foldable && (linear.window.kernel[1] > 1 || focus);
  const TensorId x =
      lowering.in_order(focus ? lowering.as_codes(focus->source) : lowering.input(0), order, wide ? 4 : 1);
  lower_linear(
      lowering, node, std::move(linear), x, 0, order, [&](TensorId id) { return spatial_view(lowering, id); },
      focus);
}

// A 1x1 convolution that ends in the network's own input domain: normalisation and colour order of a picture.
void Preprocess::infer(InferContext& c) { Conv::infer(c); }
QuantRule Preprocess::quant(const Node& node) { return Conv::quant(node); }
void Preprocess::lower(Lowering& lowering, const Node& node) { Conv::lower(lowering, node); }

// Parameters computed at run time, and statistics of the batch itself (training_mode), are arithmetic of
// their own. Outputs behind the first belong to training.
void BatchNormalization::upgrade(Rewriter& r, Node& node) {
  const bool training = node.attr_int("training_mode", 0) != 0;
  const bool fixed = std::all_of(node.inputs.begin() + 1, node.inputs.end(),
                                 [](const Value* v) { return v && v->is_constant(); });
  if (!training && fixed) {
    if (node.outputs.size() > 1) node.outputs.resize(1);
    return;
  }
  expand_batch_norm(r, node, training);
}
void BatchNormalization::infer(InferContext& c) {
  c.require_type(0, {DType::f32});
  c.require(c.rank(0) >= 2, "the input must have a channel axis");
  for (size_t i = 1; i < 5; ++i)
    c.require(c.shape(i) == Shape{c.shape(0)[1]}, "parameters must have one value per channel");
  c.set(0, c.dtype(0), c.shape(0));
}
QuantRule BatchNormalization::quant(const Node&) {
  return float_only("it could not be merged into a convolution");
}
void BatchNormalization::lower(Lowering& lowering, const Node& node) {
  const Shape& shape = node.input(0)->shape;
  const int64_t channels = shape[1];
  Tensor weights(DType::f32, {channels, 1, 1, 1}), bias(DType::f32, {channels});
  const float epsilon = node.attr_float("epsilon", 1e-5f);
  for (size_t i = 0; i < static_cast<size_t>(channels); ++i) {
    auto p = [&](size_t k) { return static_cast<double>(node.input(k)->constant->data<float>()[i]); };
    const double factor = p(1) / std::sqrt(p(4) + static_cast<double>(epsilon));
    weights.data<float>()[i] = static_cast<float>(factor);
    bias.data<float>()[i] = static_cast<float>(p(2) - p(3) * factor);
  }
  const compiler::Order order = compiler::channels_last(shape.size());
  Linear linear{
      .window = {}, .groups = channels, .shape = weights.shape(), .weights = weights, .bias = &bias};
  const TensorId x = lowering.in_order(lowering.input(0), order);
  const int64_t pixels = num_elements(shape) / std::max<int64_t>(channels, 1);
  lower_linear(lowering, node, std::move(linear), x, 0, order,
               [&](TensorId id) { return lowering.view(id, {1, 1, pixels, channels}); });
}

// Canonical: A * B (or B transposed) plus one constant per column, B constant; float32. The rest is
// arithmetic around it, and a B computed at run time makes it a MatMul.
void Gemm::upgrade(Rewriter& r, Node& node) {
  Value *a = node.input(0), *b = node.input(1), *c = node.input(2);
  for (size_t i = 0; i < 3; ++i)
    if (node.input(i)) {
      expand::require_type(node, i, {DType::f32, DType::i32, DType::i64, DType::u32, DType::u64});
      expand::require(node, node.input(i)->dtype == a->dtype, "operands must have the same element type");
    }
  expand::require(node, a->shape.size() == 2 && b->shape.size() == 2, "A and B must be matrices");
  const bool ta = node.attr_int("transA", 0) != 0, tb = node.attr_int("transB", 0) != 0;
  const float alpha = node.attr_float("alpha", 1.0f), beta = node.attr_float("beta", 1.0f);
  const int64_t m = a->shape[ta ? 1 : 0], n = b->shape[tb ? 0 : 1];
  expand::require(node, a->shape[ta ? 0 : 1] == b->shape[tb ? 1 : 0],
                  fmt::format("cannot multiply {} by {}", to_string(a->shape), to_string(b->shape)));
  if (c) {
    bool fits = c->shape.size() <= 2;
    const Shape y{m, n};
    for (size_t i = 0; fits && i < c->shape.size(); ++i) {
      const int64_t extent = c->shape[c->shape.size() - 1 - i];
      fits = extent == 1 || extent == y[1 - i];
    }
    expand::require(node, fits, fmt::format("C does not broadcast to {}", to_string(y)));
  }
  auto times = [&](Value* x, float factor) {
    if (factor == 1.0f) return x;
    if (x->dtype == DType::f32) return expand::mul(r, x, r.scalar(factor));
    expand::require_support(node, std::trunc(factor) == factor,
                            "alpha and beta must be whole numbers for integer operands");
    return expand::mul(r, x, expand::cast(r, r.scalar(factor), x->dtype));
  };
  const bool constant_b = b->is_constant() && a->dtype == DType::f32 && !a->is_constant();
  const bool row = c && c->is_constant() && (c->shape.size() < 2 || c->shape[0] == 1);
  if (constant_b && !ta && alpha == 1.0f && (!c || (beta == 1.0f && row && c->shape == Shape{n}))) return;
  if (ta) a = expand::transpose(r, a, {1, 0});
  if (c) c = times(c, beta);
  if (!constant_b) {
    Value* y = times(expand::matmul(r, a, tb ? expand::transpose(r, b, {1, 0}) : b), alpha);
    return c ? r.result("Add", {y, c}) : r.result(0, y);
  }
  std::vector<Value*> inputs{a, times(b, alpha)};
  if (row) inputs.push_back(expand::reshape(r, expand::spread(r, c, {1, n}), {n}));
  const Attributes attributes{{"transB", int64_t{tb}}};
  if (!c || row) return r.result("Gemm", inputs, attributes);
  r.result("Add", {r.node("Gemm", inputs, attributes), c});
}

void Gemm::infer(InferContext& c) {
  const bool tb = c.node().attr_int("transB", 0) != 0;
  c.set(0, c.dtype(0), {c.shape(0)[0], c.shape(1)[tb ? 0 : 1]});
}

QuantRule Gemm::quant(const Node& node) {
  return {QuantKind::compute, "", {0}, node.attr_int("transB", 0) != 0 ? 0 : 1, true};
}

void Gemm::lower(Lowering& lowering, const Node& node) {
  const bool tb = node.attr_int("transB", 0) != 0;
  const compiler::Order order{0, 1};
  const TensorId x = lowering.in_order(lowering.input(0), order);
  Linear linear;
  linear.weights = matrix_weights(*node.input(1)->constant, tb);
  linear.shape = linear.weights.shape();
  linear.bias = node.input(2) ? node.input(2)->constant.get() : nullptr;
  lower_linear(lowering, node, std::move(linear), x, tb ? 0 : 1, order, [&](TensorId id) {
    const Shape dims = lowering.desc(id).dims;
    return lowering.view(id, {1, 1, dims[0], dims[1]});
  });
}

namespace {
// A constant matrix on the right is a layer's weights; everything else is a product of two tensors.
bool has_weights(const Node& node) {
  const Value *a = node.input(0), *b = node.input(1);
  return b->is_constant() && b->shape.size() == 2 && !a->is_constant() && a->dtype == DType::f32;
}
constexpr int64_t kMaxDepthInt8 = 33025;  // of the MatMul step
constexpr int64_t kMaxDepthTransposed = 65536;

// A right operand whose columns are contiguous is multiplied as it is.
bool takes_transposed(const TensorDesc& stored, const Shape& shape) {
  const size_t rank = shape.size();
  if (rank < 2 || (stored.dtype != DType::i8 && stored.dtype != DType::f32) ||
      shape[rank - 2] > kMaxDepthTransposed)
    return false;
  uint8_t innermost = 0;
  for (uint8_t axis : stored.order)
    if (shape[axis] != 1) innermost = axis;
  return innermost + size_t{2} == rank && shape[rank - 2] != 1;
}
}  // namespace

void MatMul::infer(InferContext& c) {
  c.require_type(0, {DType::f32, DType::i32, DType::i64, DType::u32, DType::u64});
  c.require(c.dtype(0) == c.dtype(1), "operands must have the same element type");
  Shape a = c.shape(0), b = c.shape(1);
  c.require(!a.empty() && !b.empty(), "operands must have at least one dimension");
  const bool vector_a = a.size() == 1, vector_b = b.size() == 1;
  if (vector_a) a.insert(a.begin(), 1);
  if (vector_b) b.push_back(1);
  c.require(a.back() == b[b.size() - 2],
            fmt::format("cannot multiply {} by {}", to_string(c.shape(0)), to_string(c.shape(1))));
  Shape out = broadcast(c, Shape(a.begin(), a.end() - 2), Shape(b.begin(), b.end() - 2));
  if (!vector_a) out.push_back(a[a.size() - 2]);
  if (!vector_b) out.push_back(b.back());
  c.set(0, c.dtype(0), out);
}

QuantRule MatMul::quant(const Node& node) {
  if (node.outputs[0]->dtype != DType::f32) return float_only("it does not work on float data");
  if (has_weights(node)) return {QuantKind::compute, "", {0}, 1, true};
  if (node.input(0)->shape.back() > kMaxDepthInt8)
    return float_only(fmt::format("its sums of {} products could leave 32 bits; at most {} fit",
                                  node.input(0)->shape.back(), kMaxDepthInt8));
  QuantRule rule{QuantKind::arithmetic, "", {}, 0};
  for (size_t i = 0; i < 2; ++i)
    if (!node.input(i)->is_constant()) rule.activations.push_back(i);
  return rule;
}

void MatMul::lower(Lowering& lowering, const Node& node) {
  const Value* b = node.input(1);
  const Shape& out = node.outputs[0]->shape;
  if (has_weights(node)) {
    const compiler::Order order = compiler::identity_order(out.size());
    const TensorId x =
        lowering.in_order(lowering.input(0), compiler::identity_order(node.input(0)->shape.size()));
    Linear linear;
    linear.weights = matrix_weights(*b->constant, false);
    linear.shape = linear.weights.shape();
    lower_linear(lowering, node, std::move(linear), x, 1, order, [&](TensorId id) {
      const Shape dims = lowering.desc(id).dims;
      const int64_t columns = num_elements(dims) == 0 ? 1 : dims.back();
      return lowering.view(id, {1, 1, num_elements(dims) / columns, columns});
    });
    return;
  }
  const size_t rank = std::max<size_t>({node.input(0)->shape.size(), b->shape.size(), 2});
  auto operand = [&](size_t i, bool left) {
    const Value* v = node.input(i);
    TensorId id = lowering.input(i);
    Shape dims = v->shape;
    compiler::Order order = compiler::identity_order(dims.size());
    if (!left && takes_transposed(lowering.desc(id), dims)) std::swap(order.end()[-2], order.end()[-1]);
    id = lowering.in_order(id, order);
    if (dims.size() == 1) dims.insert(left ? dims.begin() : dims.end(), 1);
    while (dims.size() < rank) dims.insert(dims.begin(), 1);
    if (order.size() < 2 || order.back() + 1u == order.size()) return lowering.view(id, dims);
    order = compiler::identity_order(rank);
    std::swap(order.end()[-2], order.end()[-1]);
    return lowering.view(id, compiler::dims_in_order(dims, order), order);
  };
  const TensorId left = operand(0, true), right = operand(1, false);
  const TensorId y = lowering.output(node.outputs[0], compiler::identity_order(out.size()));
  Shape dims = lowering.desc(left).dims;
  const Shape rdims = lowering.desc(right).dims;
  for (size_t i = 0; i + 2 < dims.size(); ++i) dims[i] = dims[i] == 1 ? rdims[i] : dims[i];
  dims.back() = node.input(1)->shape.size() == 1 ? 1 : node.input(1)->shape.back();
  lowering.emit(MatMulParams{}, {left, right}, {lowering.view(y, dims)});
}

}  // namespace openhb::ops
