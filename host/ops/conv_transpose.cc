// SPDX-License-Identifier: Apache-2.0
// ConvTranspose as a sub-pixel convolution. Along an axis of stride s the outputs o = s*q + r of one phase r
// are an ordinary convolution over the inputs with the taps k = r + p + s*j (p: the padding in front), so one
// Conv with s times the channels computes all phases, and its channels are dealt out to the pixels. No
// product with a stuffed zero is computed, and int8 comes with Conv.
#include <algorithm>

#include "host/compiler/lowering.h"
#include "host/ops/convolution.h"
#include "host/ops/expand.h"
#include "host/ops/linear_step.h"

namespace openhb::ops {
namespace {

using compiler::Lowering;
using compiler::TensorId;

constexpr int64_t kLargest = 1 << 16;

// Along one spatial axis.
struct Axis {
  int64_t in, kernel, stride, dilation, front, out;  // front: padding before
  int64_t span() const { return (kernel - 1) * dilation + 1; }
  // Range of j; both ends include 0 so that the convolution's padding is not negative.
  int64_t first() const { return -((stride - 1 + front) / stride); }
  int64_t last() const { return front > span() - 1 ? 0 : (span() - 1 - front) / stride; }
  int64_t taps() const { return last() - first() + 1; }
  int64_t pixels() const { return (out + stride - 1) / stride; }
  int64_t pad_after() const { return std::max<int64_t>(pixels() - 1 - first() - (in - 1), 0); }
};

struct Spec {
  std::vector<Axis> axes;
  int64_t groups, inputs, outputs;  // channels of a group
  size_t spatial() const { return axes.size(); }
};

std::vector<int64_t> checked_list(const Node& node, std::string_view name, size_t size, int64_t fallback,
                                  int64_t least) {
  const auto list = node.attr_ints(name, std::vector<int64_t>(size, fallback));
  expand::require_attribute(
      node, list.size() == size,
      fmt::format("attribute '{}' has {} values, expected {}", name, list.size(), size));
  for (const int64_t v : list)
    expand::require_attribute(
        node, v >= least && v <= kLargest,
        fmt::format("attribute '{}' holds {}, expected {} to {}", name, v, least, kLargest));
  return list;
}

Spec spec_of(const Node& node) {
  const Shape &x = node.input(0)->shape, &w = node.input(1)->shape;
  for (size_t i = 0; i < 3; ++i)
    if (node.input(i)) expand::require_type(node, i, {DType::f32});
  expand::require(node, x.size() >= 3 && x.size() <= 5 && w.size() == x.size(),
                  "input and weights must both have rank 3, 4 or 5");
  const size_t n = x.size() - 2;
  const int64_t groups = node.attr_int("group", 1);
  expand::require(node, num_elements(w) > 0 && num_elements(x) > 0, "the input or the weights are empty");
  expand::require(
      node, groups >= 1 && w[0] == x[1] && x[1] % groups == 0,
      fmt::format("weights {} do not fit {} input channels in {} groups", to_string(w), x[1], groups));
  if (node.input(2))
    expand::require(node, node.input(2)->shape == Shape{w[1] * groups},
                    "the bias must have one value per output channel");
  const Shape kernel(w.begin() + 2, w.end());
  expand::require_attribute(node, node.attr_ints("kernel_shape", kernel) == kernel,
                            "attribute 'kernel_shape' is not that of the weights");
  for (const int64_t k : kernel) expand::require(node, k <= kLargest, "the kernel is too large");
  const auto strides = checked_list(node, "strides", n, 1, 1),
             dilations = checked_list(node, "dilations", n, 1, 1),
             extra = checked_list(node, "output_padding", n, 0, 0),
             pads = checked_list(node, "pads", 2 * n, 0, 0);
  const auto wanted = node.attr_ints("output_shape", {});
  expand::require_attribute(node, wanted.empty() || wanted.size() == n || wanted.size() == n + 2,
                            "attribute 'output_shape' needs one value per spatial axis");
  const std::string mode = node.attr_string("auto_pad", "NOTSET");
  expand::require_attribute(
      node, mode == "NOTSET" || mode == "VALID" || mode == "SAME_UPPER" || mode == "SAME_LOWER",
      "attribute 'auto_pad' must be NOTSET, VALID, SAME_UPPER or SAME_LOWER");
  Spec spec{{}, groups, x[1] / groups, w[1]};
  for (size_t i = 0; i < n; ++i) {
    Axis a{x[i + 2], kernel[i], strides[i], dilations[i], 0, 0};
    const int64_t full = checked_mul(a.stride, a.in - 1) + extra[i] + a.span();
    if (!wanted.empty() || mode.starts_with("SAME")) {
      a.out = wanted.empty() ? a.in * a.stride : wanted[wanted.size() - n + i];
      expand::require_attribute(node, a.out >= 1 && a.out <= int64_t{1} << 31,
                                fmt::format("attribute 'output_shape' holds {}, expected 1 to 2^31", a.out));
      const int64_t total = std::max<int64_t>(full - a.out, 0);
      a.front = mode == "SAME_UPPER" ? total / 2 : total - total / 2;
    } else {
      a.front = mode == "VALID" ? 0 : pads[i];
      a.out = full - a.front - (mode == "VALID" ? 0 : pads[n + i]);
    }
    expand::require(node, a.out >= 1, "the result is empty");
    spec.axes.push_back(a);
  }
  int64_t before = 1, after = 1;  // weights per channel pair
  for (const Axis& a : spec.axes) {
    before = checked_mul(before, a.span());
    after = checked_mul(after, checked_mul(a.taps(), a.stride));
  }
  expand::require_support(
      node, checked_mul(after, num_elements({w[0], w[1]})) <= (int64_t{1} << 28),
      fmt::format("its sub-pixel form needs {} weights per channel instead of {}", after, before));
  return spec;
}

// Weights [C, M, k...] of all groups to [groups * phases * M, C / groups, taps...].
Value* phase_weights(Rewriter& r, const Spec& spec, Value* w) {
  const size_t n = spec.spatial();
  for (size_t i = 0; i < n; ++i) {
    const Axis& a = spec.axes[i];
    // The axis being worked on is always the third: finished axes are appended as taps, phase.
    Shape rest(w->shape.begin() + 3, w->shape.end());
    const auto with = [&](Shape s, const Shape& tail) {
      s.insert(s.end(), tail.begin(), tail.end());
      return s;
    };
    const int64_t channels = w->shape[0] * w->shape[1], others = num_elements(rest);
    w = expand::reshape(r, w, {channels, a.kernel, 1, others});
    w = expand::pad(r, w, {0, 0, 0, 0}, {0, 0, a.dilation - 1, 0});
    w = expand::reshape(r, w, {channels, a.kernel * a.dilation, others});
    w = expand::slice(r, w, 1, 0, a.span());
    const int64_t before = -(a.front + a.stride * a.first());
    w = expand::pad(r, w, {0, before, 0}, {0, a.taps() * a.stride - before - a.span(), 0});
    w = expand::reshape(r, w, {channels, a.taps(), a.stride, others});
    w = expand::reverse(r, w, 1);
    w = expand::transpose(r, w, {0, 3, 1, 2});
    w = expand::reshape(r, w,
                        with(with({spec.groups * spec.inputs, spec.outputs}, rest), {a.taps(), a.stride}));
  }
  // [g, C, M, (taps, phase)...] to [g, phases..., M, C, taps...].
  const int64_t g = spec.groups > 1 ? 1 : 0;
  if (g) {
    Shape s = w->shape;
    s[0] = spec.inputs;
    s.insert(s.begin(), spec.groups);
    w = expand::reshape(r, w, s);
  }
  std::vector<int64_t> perm;
  if (g) perm.push_back(0);
  for (size_t i = 0; i < n; ++i) perm.push_back(g + 3 + 2 * static_cast<int64_t>(i));
  perm.insert(perm.end(), {g + 1, g});
  for (size_t i = 0; i < n; ++i) perm.push_back(g + 2 + 2 * static_cast<int64_t>(i));
  w = expand::transpose(r, w, perm);
  int64_t phases = 1;
  for (const Axis& a : spec.axes) phases *= a.stride;
  Shape shape{spec.groups * phases * spec.outputs, spec.inputs};
  for (const Axis& a : spec.axes) shape.push_back(a.taps());
  return expand::reshape(r, w, shape);
}

// Channels [g, phases..., M] of [N, channels, pixels...] dealt out to the pixels.
Value* deal_out(Rewriter& r, const Spec& spec, Value* y) {
  const size_t n = spec.spatial();
  const int64_t batch = y->shape[0];
  std::vector<int64_t> last{0};
  for (size_t i = 0; i < n; ++i) last.push_back(static_cast<int64_t>(i) + 2);
  last.push_back(1);
  y = expand::transpose(r, y, last);
  // Channels last, N (merged with the first pixels where that is the same) left out of what moves.
  Shape split(y->shape.begin(), y->shape.end() - 1);
  const bool grouped = spec.groups > 1;
  if (grouped) split.push_back(spec.groups);
  for (const Axis& a : spec.axes) split.push_back(a.stride);
  split.push_back(spec.outputs);
  std::vector<int64_t> perm{0};
  Shape joined{batch};
  const auto spatial = static_cast<int64_t>(n);
  for (size_t i = 0; i < n; ++i) {
    const auto at = static_cast<int64_t>(i);
    perm.insert(perm.end(), {1 + at, 1 + spatial + (grouped ? 1 : 0) + at});
    joined.push_back(y->shape[i + 1] * spec.axes[i].stride);
  }
  if (grouped) perm.push_back(1 + spatial);
  perm.push_back(1 + 2 * spatial + (grouped ? 1 : 0));
  joined.push_back(spec.groups * spec.outputs);
  y = expand::reshape(r, expand::transpose(r, expand::reshape(r, y, split), perm), joined);
  std::vector<int64_t> first{0, spatial + 1};
  for (size_t i = 0; i < n; ++i) first.push_back(static_cast<int64_t>(i) + 1);
  return expand::transpose(r, y, first);
}

// More than 8 axes would be needed: one group after the other.
void expand_by_group(Rewriter& r, const Spec& spec) {
  const Node& node = r.node();
  std::vector<Value*> parts;
  for (int64_t g = 0; g < spec.groups; ++g) {
    auto part = [&](size_t i, int64_t axis, int64_t size) {
      return expand::slice(r, node.input(i), axis, g * size, (g + 1) * size);
    };
    std::vector<Value*> inputs{part(0, 1, spec.inputs), part(1, 0, spec.inputs)};
    if (node.input(2)) inputs.push_back(part(2, 0, spec.outputs));
    Attributes attributes = node.attributes;
    attributes["group"] = int64_t{1};
    parts.push_back(r.node("ConvTranspose", inputs, attributes));
  }
  r.result("Concat", parts, {{"axis", int64_t{1}}});
}

// One group, constant weights, at most two spatial axes: the operator stays in the graph, so that the passes
// see it as the layer it is. Others are expanded.
bool is_direct(const Node& node) {
  const Value *x = node.input(0), *w = node.input(1), *b = node.input(2);
  return node.attr_int("group", 1) == 1 && x->shape.size() <= 4 && !x->is_constant() && w->is_constant() &&
         (!b || b->is_constant());
}

// As phase_weights, of constants: [C, M, kh, kw] to [phases * M, C, taps, taps].
template <class T>
std::vector<T> dealt_weights(const Spec& spec, std::span<const T> w) {
  const Axis line{1, 1, 1, 1, 0, 1};  // 1-D: rows of height 1
  const Axis &v = spec.spatial() == 2 ? spec.axes[0] : line, &h = spec.axes.back();
  std::vector<T> dealt(
      static_cast<size_t>(v.stride * h.stride * v.taps() * h.taps() * spec.inputs * spec.outputs));
  // The kernel's element at tap t of phase r, or -1 between and beyond its elements.
  auto element = [](const Axis& a, int64_t r, int64_t t) {
    const int64_t at = r + a.front + a.stride * (a.last() - t);
    return at >= 0 && at < a.span() && at % a.dilation == 0 ? at / a.dilation : int64_t{-1};
  };
  size_t i = 0;
  for (int64_t rv = 0; rv < v.stride; ++rv)
    for (int64_t rh = 0; rh < h.stride; ++rh)
      for (int64_t m = 0; m < spec.outputs; ++m)
        for (int64_t c = 0; c < spec.inputs; ++c)
          for (int64_t tv = 0; tv < v.taps(); ++tv)
            for (int64_t th = 0; th < h.taps(); ++th, ++i) {
              const int64_t y = element(v, rv, tv), x = element(h, rh, th);
              if (y >= 0 && x >= 0)
                dealt[i] = w[static_cast<size_t>(((c * spec.outputs + m) * v.kernel + y) * h.kernel + x)];
            }
  return dealt;
}

template <class T>
std::vector<T> repeated(const std::vector<T>& values, int64_t times) {
  std::vector<T> all;
  for (int64_t i = 0; i < times; ++i) all.insert(all.end(), values.begin(), values.end());
  return all;
}

// Pixels of `from` [N, H', W', sv * sh * M] to their places in `to` [N, H, W, M]. Where the strides do not
// divide H and W, the last phases of a line are missing: up to four regular parts.
void emit_deal_out(Lowering& lowering, const Axis& v, const Axis& h, int64_t channels, TensorId from,
                   TensorId to) {
  const TensorDesc in = lowering.desc(from), out = lowering.desc(to);
  const Shape si = in.strides(), so = out.strides();
  struct Part {
    int64_t first, count, phases;
  };
  auto parts = [](const Axis& a) {
    std::vector<Part> list;
    if (a.out / a.stride) list.push_back({0, a.out / a.stride, a.stride});
    if (a.out % a.stride) list.push_back({a.out / a.stride, 1, a.out % a.stride});
    return list;
  };
  for (const Part& pv : parts(v))
    for (const Part& ph : parts(h)) {
      CopyParams copy;
      copy.extent = {in.dims[0], pv.count, pv.phases, ph.count, ph.phases, channels};
      copy.in_strides = {si[0], si[1], h.stride * channels, si[2], channels, 1};
      copy.out_strides = {so[0], v.stride * so[1], so[1], h.stride * so[2], so[2], 1};
      copy.in_offset = pv.first * si[1] + ph.first * si[2];
      copy.out_offset = pv.first * v.stride * so[1] + ph.first * h.stride * so[2];
      lowering.emit(std::move(copy), {from}, {to});
    }
}

}  // namespace

void ConvTranspose::infer(InferContext& c) {
  const Spec spec = spec_of(c.node());
  Shape shape{c.shape(0)[0], spec.outputs};
  for (const Axis& a : spec.axes) shape.push_back(a.out);
  c.set(0, DType::f32, shape);
}

QuantRule ConvTranspose::quant(const Node&) { return {QuantKind::compute, "", {0}, 1, true}; }

void ConvTranspose::lower(Lowering& lowering, const Node& node) {
  const Spec spec = spec_of(node);
  const Axis line{1, 1, 1, 1, 0, 1};
  const Axis &v = spec.spatial() == 2 ? spec.axes[0] : line, &h = spec.axes.back();
  const int64_t phases = v.stride * h.stride;
  const compiler::Order order = compiler::channels_last(node.input(0)->shape.size());
  const TensorId x = spatial_view(lowering, lowering.in_order(lowering.input(0), order));
  const Tensor& weights = *node.input(1)->constant;
  const Tensor* bias = node.input(2) ? node.input(2)->constant.get() : nullptr;

  Linear linear;
  linear.window.kernel = {static_cast<int32_t>(v.taps()), static_cast<int32_t>(h.taps())};
  linear.window.pads = {static_cast<int32_t>(v.last()), static_cast<int32_t>(h.last()),
                        static_cast<int32_t>(v.pad_after()), static_cast<int32_t>(h.pad_after())};
  linear.shape = {phases * spec.outputs, spec.inputs, v.taps(), h.taps()};
  quantize::IntegerWeights integer;
  Tensor all_biases;
  if (lowering.int8()) {
    integer = quantize::quantize_weights(weights, 1, bias, lowering.desc(x).quant.scale(),
                                         lowering.desc(x).dtype, given_scales(*node.input(1)));
    integer.codes = dealt_weights<int8_t>(spec, integer.codes);
    integer.scales = repeated(integer.scales, phases);
    integer.bias = repeated(integer.bias, phases);
    integer.wide_bias = repeated(integer.wide_bias, phases);
    linear.integer = &integer;
  } else {
    linear.weights = Tensor::from<float>(linear.shape, dealt_weights<float>(spec, weights.data<float>()));
    if (bias) {
      const auto b = bias->data<float>();
      all_biases =
          Tensor::from<float>({phases * spec.outputs}, repeated(std::vector(b.begin(), b.end()), phases));
      linear.bias = &all_biases;
    }
  }
  auto rows = [](const Axis& a) { return a.in + a.last() + a.pad_after() - a.taps() + 1; };
  const Shape pixels{lowering.desc(x).dims[0], rows(v), rows(h), phases * spec.outputs};
  auto run = [&](TensorId y, float lo, float hi) {  // y: N, H, W, M
    const TensorDesc d = lowering.desc(y);
    if (v.stride == 1 && rows(v) == v.out && rows(h) * h.stride == h.out && d.dense())
      return emit_linear(lowering, linear, x, lowering.view(y, pixels), lo, hi);
    QuantParams quant = d.quant;
    if (quant.axis >= 0) {
      quant.scales = repeated(quant.scales, phases);
      quant.zero_points = repeated(quant.zero_points, phases);
    }
    const TensorId dealt = lowering.scratch(d.dtype, pixels, compiler::identity_order(4), quant);
    emit_linear(lowering, linear, x, dealt, lo, hi);
    emit_deal_out(lowering, v, h, spec.outputs, dealt, y);
  };
  const auto fused = lowering.fused_output(node, true);
  const bool real = linear.integer && !fused.value->quant;  // for a float consumer
  if (real && lowering.desc(x).dtype == DType::i8) {
    QuantParams quant;
    for (int64_t m = 0; m < spec.outputs; ++m)
      quant.scales.push_back(lowering.desc(x).quant.scale() * integer.scales[static_cast<size_t>(m)]);
    quant.zero_points.assign(quant.scales.size(), 0);
    quant.axis = static_cast<int32_t>(order.size()) - 1;
    const TensorId sums =
        lowering.scratch(DType::i32, compiler::dims_in_order(fused.value->shape, order), order, quant);
    run(spatial_view(lowering, sums), 0, 0);
    return lowering.bind_dequantized(fused.value, sums);
  }
  const TensorId y = lowering.output(fused.value, order);
  float lo = fused.lo, hi = fused.hi;
  if (linear.integer && !real) std::tie(lo, hi) = code_bounds(lowering.desc(y), lo, hi);
  run(spatial_view(lowering, y), lo, hi);
}

void ConvTranspose::upgrade(Rewriter& r, Node& node) {
  const Spec spec = spec_of(node);
  if (is_direct(node)) return;
  if (spec.groups > 1 && spec.spatial() == 3) return expand_by_group(r, spec);
  int64_t phases = 1;
  std::vector<int64_t> pads, after, taps;
  for (const Axis& a : spec.axes) {
    phases *= a.stride;
    taps.push_back(a.taps());
    pads.push_back(a.last());
    after.push_back(a.pad_after());
  }
  pads.insert(pads.end(), after.begin(), after.end());
  std::vector<Value*> inputs{node.input(0), phase_weights(r, spec, node.input(1))};
  if (Value* bias = node.input(2)) {
    bias = expand::reshape(r, bias, {spec.groups, 1, spec.outputs});
    bias = expand::spread(r, bias, {spec.groups, phases, spec.outputs});
    inputs.push_back(expand::reshape(r, bias, {spec.groups * phases * spec.outputs}));
  }
  Value* y = r.node("Conv", inputs, {{"group", spec.groups}, {"kernel_shape", taps}, {"pads", pads}});
  if (phases > 1) y = deal_out(r, spec, y);
  for (size_t i = 0; i < spec.spatial(); ++i)
    y = expand::slice(r, y, static_cast<int64_t>(i) + 2, 0, spec.axes[i].out);
  r.result(0, y);
}

}  // namespace openhb::ops
