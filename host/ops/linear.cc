// SPDX-License-Identifier: Apache-2.0
// Sums of products with constant weights: Conv, Gemm, MatMul, BatchNormalization and the pre-processing node.
#include "host/ops/linear.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "device/kernels/conv/pack.h"
#include "host/compiler/lowering.h"
#include "host/ops/window.h"
#include "host/quantize/weights.h"

namespace openhb::ops {
namespace {

using compiler::Lowering;
using compiler::TensorId;

// A convolution over 4-D NHWC tensors `x` and whatever the value's shape is: the common core of all of these.
struct Linear {
  Window window;
  int64_t groups = 1;
  Tensor weights;                                     // float32 [O, Cg, kh, kw]
  const Tensor* bias = nullptr;                       // float32 [O]
  const quantize::IntegerWeights* integer = nullptr;  // codes already in [O, Cg, kh, kw] order
};

std::vector<float> bias_or_zero(const Linear& linear) {
  if (!linear.bias) return std::vector<float>(static_cast<size_t>(linear.weights.shape()[0]), 0.0f);
  const auto b = linear.bias->data<float>();
  return {b.begin(), b.end()};
}

bool is_depthwise(const Linear& linear, int64_t in_channels) {
  return linear.groups > 1 && linear.groups == in_channels && linear.weights.shape()[0] == in_channels;
}

// Emits the step. `x` and `y` are 4-D NHWC views.
void emit_linear(Lowering& lowering, const Linear& linear, TensorId x, TensorId y, float lo, float hi) {
  const Shape& w = linear.weights.shape();
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

// Bounds as codes of the output.
std::pair<float, float> code_bounds(const TensorDesc& y, float lo, float hi) {
  const auto [least, most] = compiler::code_range(y.dtype);
  auto code = [&, least = least, most = most](float real) {
    if (std::isinf(real)) return real < 0 ? least : most;
    return std::clamp(std::nearbyint(real / y.quant.scale()) + static_cast<float>(y.quant.zero_point()),
                      least, most);
  };
  return {code(lo), code(hi)};
}

// Lowers to `node`'s output. `as_nhwc` turns a tensor of the value's rank, channels last, into a 4-D one.
template <class View>
void lower_linear(Lowering& lowering, const Node& node, Linear linear, TensorId x, int weight_axis,
                  const compiler::Order& order, View as_nhwc) {
  quantize::IntegerWeights integer;
  if (lowering.int8()) {
    integer = quantize::quantize_weights(*node.input(1)->constant, weight_axis, linear.bias,
                                         lowering.desc(x).quant.scale(), lowering.desc(x).dtype);
    if (weight_axis != 0) {  // [K, N] to [N, K]
      const Shape& s = node.input(1)->constant->shape();
      std::vector<int8_t> moved(integer.codes.size());
      for (int64_t k = 0; k < s[0]; ++k)
        for (int64_t n = 0; n < s[1]; ++n)
          moved[static_cast<size_t>(n * s[0] + k)] = integer.codes[static_cast<size_t>(k * s[1] + n)];
      integer.codes = std::move(moved);
    }
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

Tensor as_oihw(const Tensor& weights) {
  Shape s = weights.shape();
  if (s.size() == 3) s.insert(s.begin() + 2, 1);
  return weights.reshaped(s);
}

// [K, N] (or [N, K] when `transposed`) to [N, K, 1, 1], times `factor`.
Tensor matrix_weights(const Tensor& b, bool transposed, float factor) {
  const int64_t n = b.shape()[transposed ? 0 : 1], k = b.shape()[transposed ? 1 : 0];
  Tensor w(DType::f32, {n, k, 1, 1});
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < k; ++j)
      w.data<float>()[static_cast<size_t>(i * k + j)] =
          b.data<float>()[static_cast<size_t>(transposed ? i * k + j : j * n + i)] * factor;
  return w;
}

std::string weights_reason(const Node& node) {
  return node.input(1) && node.input(1)->is_constant() ? ""
                                                       : "its weights are computed at run time, not constant";
}

}  // namespace

void Conv::infer(InferContext& c) {
  c.require_type(0, {DType::f32});
  c.require(c.rank(0) == 3 || c.rank(0) == 4, "the input must have rank 3 or 4 (1-D or 2-D convolution)");
  c.require(c.rank(1) == c.rank(0), "weights and input must have the same rank");
  c.require(num_elements(c.shape(1)) > 0, "the weights are empty");
  const Window window = window_of(c.node(), c.shape(0), Shape(c.shape(1).begin() + 2, c.shape(1).end()));
  const int64_t groups = c.node().attr_int("group", 1);
  c.require(groups >= 1 && c.shape(1)[0] % groups == 0 && c.shape(1)[1] * groups == c.shape(0)[1],
            fmt::format("weights {} do not fit {} input channels in {} groups", to_string(c.shape(1)),
                        c.shape(0)[1], groups));
  if (c.has(2))
    c.require(c.shape(2) == Shape{c.shape(1)[0]}, "the bias must have one value per output channel");
  c.set(0, c.dtype(0), window.output_shape(c.shape(0), c.shape(1)[0], c));
}

QuantRule Conv::quant(const Node& node) {
  if (auto reason = weights_reason(node); !reason.empty()) return float_only(reason);
  return {QuantKind::compute, "", {0}, 0, true};
}

void Conv::lower(Lowering& lowering, const Node& node) {
  if (!node.input(1)->is_constant() || (node.input(2) && !node.input(2)->is_constant()))
    fail(ErrorCode::model_unsupported_op, "{}: weights and bias must be constants", node.describe());
  const Shape& shape = node.input(0)->shape;
  const compiler::Order order = compiler::channels_last(shape.size());
  Linear linear{
      .window = window_of(node, shape, Shape(node.input(1)->shape.begin() + 2, node.input(1)->shape.end())),
      .groups = node.attr_int("group", 1),
      .weights = as_oihw(*node.input(1)->constant),
      .bias = node.input(2) ? node.input(2)->constant.get() : nullptr};
  const TensorId x = lowering.in_order(lowering.input(0), order);
  lower_linear(lowering, node, std::move(linear), x, 0, order,
               [&](TensorId id) { return spatial_view(lowering, id); });
}

// A 1x1 convolution that ends in the network's own input domain: normalisation and colour order of a picture.
void Preprocess::infer(InferContext& c) { Conv::infer(c); }
QuantRule Preprocess::quant(const Node& node) { return Conv::quant(node); }
void Preprocess::lower(Lowering& lowering, const Node& node) { Conv::lower(lowering, node); }

// The outputs behind the first belong to training.
void BatchNormalization::upgrade(Rewriter&, Node& node) {
  if (node.attr_int("training_mode", 0) != 0)
    fail(ErrorCode::model_unsupported_op, "{}: it is in training mode; export the model for inference",
         node.describe());
  if (node.outputs.size() > 1) node.outputs.resize(1);
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
  for (size_t i = 1; i < 5; ++i)
    if (!node.input(i)->is_constant())
      fail(ErrorCode::model_unsupported_op, "{}: its parameters must be constants", node.describe());
  Tensor weights(DType::f32, {channels, 1, 1, 1}), bias(DType::f32, {channels});
  const float epsilon = node.attr_float("epsilon", 1e-5f);
  for (size_t i = 0; i < static_cast<size_t>(channels); ++i) {
    auto p = [&](size_t k) { return static_cast<double>(node.input(k)->constant->data<float>()[i]); };
    const double factor = p(1) / std::sqrt(p(4) + static_cast<double>(epsilon));
    weights.data<float>()[i] = static_cast<float>(factor);
    bias.data<float>()[i] = static_cast<float>(p(2) - p(3) * factor);
  }
  const compiler::Order order = compiler::channels_last(shape.size());
  Linear linear{.window = {}, .groups = channels, .weights = std::move(weights), .bias = &bias};
  const TensorId x = lowering.in_order(lowering.input(0), order);
  const int64_t pixels = num_elements(shape) / std::max<int64_t>(channels, 1);
  lower_linear(lowering, node, std::move(linear), x, 0, order,
               [&](TensorId id) { return lowering.view(id, {1, 1, pixels, channels}); });
}

void Gemm::infer(InferContext& c) {
  c.require_type(0, {DType::f32});
  c.require(c.rank(0) == 2 && c.rank(1) == 2, "A and B must be matrices");
  const bool ta = c.node().attr_int("transA", 0) != 0, tb = c.node().attr_int("transB", 0) != 0;
  const int64_t m = c.shape(0)[ta ? 1 : 0], k = c.shape(0)[ta ? 0 : 1], n = c.shape(1)[tb ? 0 : 1];
  c.require(c.shape(1)[tb ? 1 : 0] == k,
            fmt::format("cannot multiply {} by {}", to_string(c.shape(0)), to_string(c.shape(1))));
  if (c.has(2)) broadcast(c, c.shape(2), {m, n});
  c.set(0, c.dtype(0), {m, n});
}

namespace {
// The bias of a Gemm as one value per column, if C is a constant row; nullopt when it needs an addition of
// its own.
std::optional<Tensor> gemm_bias(const Node& node, int64_t n) {
  const Value* c = node.input(2);
  if (!c) return Tensor(DType::f32, {n});
  if (!c->is_constant()) return std::nullopt;
  const int64_t size = num_elements(c->shape);
  if (size != 1 && (size != n || c->shape.back() != n)) return std::nullopt;
  Tensor bias(DType::f32, {n});
  const float beta = node.attr_float("beta", 1.0f);
  for (size_t i = 0; i < static_cast<size_t>(n); ++i)
    bias.data<float>()[i] = c->constant->data<float>()[size == 1 ? 0 : i] * beta;
  return bias;
}
}  // namespace

QuantRule Gemm::quant(const Node& node) {
  if (auto reason = weights_reason(node); !reason.empty()) return float_only(reason);
  if (node.attr_float("alpha", 1.0f) != 1.0f || node.attr_float("beta", 1.0f) != 1.0f)
    return float_only("alpha and beta must be 1");
  if (node.attr_int("transA", 0) != 0) return float_only("transA is set");
  if (node.input(2) &&
      (!node.input(2)->is_constant() || node.input(2)->shape != Shape{node.outputs[0]->shape.back()}))
    return float_only("its bias is not one constant per column");
  return {QuantKind::compute, "", {0}, node.attr_int("transB", 0) != 0 ? 0 : 1, true};
}

void Gemm::lower(Lowering& lowering, const Node& node) {
  const bool ta = node.attr_int("transA", 0) != 0, tb = node.attr_int("transB", 0) != 0;
  const Shape& shape = node.outputs[0]->shape;
  const auto bias = gemm_bias(node, shape[1]);
  if (!node.input(1)->is_constant() || !bias)
    fail(ErrorCode::model_unsupported_op, "{}: B must be constant and C a constant row", node.describe());
  const compiler::Order order = ta ? compiler::Order{1, 0} : compiler::Order{0, 1};
  const TensorId x = lowering.in_order(lowering.input(0), order);
  const Tensor weights = matrix_weights(*node.input(1)->constant, tb, node.attr_float("alpha", 1.0f));
  Linear linear{.window = {}, .groups = 1, .weights = weights, .bias = &*bias};
  lower_linear(lowering, node, std::move(linear), x, tb ? 0 : 1, {0, 1}, [&](TensorId id) {
    const Shape dims = lowering.desc(id).dims;
    return lowering.view(id, {1, 1, dims[0], dims[1]});
  });
}

void MatMul::infer(InferContext& c) {
  c.require_type(0, {DType::f32});
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
  if (auto reason = weights_reason(node); !reason.empty()) return float_only(reason);
  if (node.input(1)->shape.size() != 2) return float_only("its constant operand is not a matrix");
  return {QuantKind::compute, "", {0}, 1, true};
}

void MatMul::lower(Lowering& lowering, const Node& node) {
  const Value* b = node.input(1);
  const Shape& out = node.outputs[0]->shape;
  if (b->is_constant() && b->shape.size() == 2 && !node.input(0)->is_constant()) {
    const compiler::Order order = compiler::identity_order(out.size());
    const TensorId x =
        lowering.in_order(lowering.input(0), compiler::identity_order(node.input(0)->shape.size()));
    Linear linear{.window = {}, .groups = 1, .weights = matrix_weights(*b->constant, false, 1.0f)};
    lower_linear(lowering, node, std::move(linear), x, 1, order, [&](TensorId id) {
      const Shape dims = lowering.desc(id).dims;
      return lowering.view(id, {1, 1, num_elements(dims) / std::max<int64_t>(dims.back(), 1), dims.back()});
    });
    return;
  }
  auto operand = [&](size_t i, bool left) {
    const Value* v = node.input(i);
    const TensorId id = lowering.in_order(lowering.native(v), compiler::identity_order(v->shape.size()));
    Shape dims = v->shape;
    if (dims.size() == 1) dims.insert(left ? dims.begin() : dims.end(), 1);
    while (dims.size() < std::max(node.input(0)->shape.size(), b->shape.size())) dims.insert(dims.begin(), 1);
    return lowering.view(id, dims);
  };
  const TensorId left = operand(0, true), right = operand(1, false);
  const TensorId y = lowering.output(node.outputs[0], compiler::identity_order(out.size()));
  Shape dims = lowering.desc(left).dims;
  const Shape rdims = lowering.desc(right).dims;
  for (size_t i = 0; i + 2 < dims.size(); ++i) dims[i] = std::max(dims[i], rdims[i]);
  dims.back() = rdims.back();
  lowering.emit(MatMulParams{}, {left, right}, {lowering.view(y, dims)});
}

}  // namespace openhb::ops
