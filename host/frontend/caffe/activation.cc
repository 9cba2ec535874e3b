// SPDX-License-Identifier: Apache-2.0
// Functions of single elements.
#include <algorithm>
#include <cmath>

#include "host/frontend/caffe/layer.h"

namespace openhb::caffe_frontend {
namespace {

// x * factor and x + term, without a node where that changes nothing.
Value* times(Layer& l, Value* x, float factor) {
  return factor == 1.0f ? x : l.node("Mul", {x, l.scalar(factor)}, x->shape);
}
Value* plus(Layer& l, Value* x, float term) {
  return term == 0.0f ? x : l.node("Add", {x, l.scalar(term)}, x->shape);
}

template <size_t N>
struct Name {
  char text[N]{};
  constexpr Name(const char (&name)[N]) { std::copy_n(name, N, text); }
};

// One ONNX operator without parameters.
template <Name op>
void plain(Layer& l) {
  l.top(0, l.node(op.text, {l.bottom(0)}, l.shape()));
}

Value* leaky(Layer& l, Value* x, float slope) {
  return slope == 0.0f ? l.node("Relu", {x}, x->shape)
                       : l.node("LeakyRelu", {x}, x->shape, {{"alpha", slope}});
}

void relu(Layer& l) { l.top(0, leaky(l, l.bottom(0), l.param.relu_param().negative_slope())); }

void clip_between(Layer& l, float lo, float hi) {
  l.top(0, l.node("Clip", {l.bottom(0), l.scalar(lo), l.scalar(hi)}, l.shape()));
}
void relu6(Layer& l) { clip_between(l, 0, 6); }
void clip(Layer& l) {
  const auto& p = l.param.clip_param();
  l.require(p.has_min() && p.has_max() && p.min() <= p.max(), "clip_param must have min and max, min first");
  clip_between(l, p.min(), p.max());
}

void elu(Layer& l) {
  l.top(0, l.node("Elu", {l.bottom(0)}, l.shape(), {{"alpha", l.param.elu_param().alpha()}}));
}

// In its test phase: the mean of the slopes it would draw.
void rrelu(Layer& l) {
  const auto& p = l.param.rrelu_param();
  l.top(0, leaky(l, l.bottom(0), (p.lower() + p.upper()) / 2));
}

void prelu(Layer& l) {
  l.require_shape(l.shape().size() >= 2, "its bottom needs a channel axis");
  Shape slopes(l.shape().size() - 1, 1);
  const bool shared = l.param.prelu_param().channel_shared();
  if (!shared) slopes[0] = l.shape()[1];
  Tensor tensor = l.blob(0, shared ? Shape{1} : Shape{l.shape()[1]}, "slopes");
  l.top(0, l.node("PRelu", {l.bottom(0), l.constant("slopes", tensor.reshaped(slopes))}, l.shape()));
}

void crelu(Layer& l) {
  const auto& p = l.param.crelu_param();
  const size_t axis = l.axis(p.concat_axis());
  Shape twice = l.shape();
  twice[axis] *= 2;
  Value* negative = l.node("Neg", {l.bottom(0)}, l.shape());
  Value* both = l.node("Concat", {l.bottom(0), negative}, twice, {{"axis", static_cast<int64_t>(axis)}});
  l.top(0, leaky(l, both, p.negative_slope()));
}

float log_of_base(Layer& l, float base) {
  if (base == -1.0f) return 1.0f;
  l.require(base > 0.0f, "base is {}, expected a positive number or -1 (for e)", base);
  return std::log(base);
}

// base^(shift + scale * x) = base^shift * exp(scale * log(base) * x)
void exponential(Layer& l) {
  const auto& p = l.param.exp_param();
  const float log_base = log_of_base(l, p.base());
  Value* power = l.node("Exp", {times(l, l.bottom(0), log_base * p.scale())}, l.shape());
  l.top(0, times(l, power, std::exp(p.shift() * log_base)));
}

// log_base(shift + scale * x)
void logarithm(Layer& l) {
  const auto& p = l.param.log_param();
  const float log_base = log_of_base(l, p.base());
  l.require(log_base != 0.0f, "base is 1, which has no logarithm");
  Value* log = l.node("Log", {plus(l, times(l, l.bottom(0), p.scale()), p.shift())}, l.shape());
  l.top(0, times(l, log, 1.0f / log_base));
}

// (shift + scale * x)^power
void power(Layer& l) {
  const auto& p = l.param.power_param();
  if (p.power() * p.scale() == 0.0f) {  // the same for all x
    const float value = p.power() == 0.0f ? 1.0f : std::pow(p.shift(), p.power());
    l.require(std::isfinite(value), "0 to the power of {} has no value", p.power());
    Value* zero = l.node("Mul", {l.bottom(0), l.scalar(0)}, l.shape());
    return l.top(0, l.node("Add", {zero, l.scalar(value)}, l.shape()));
  }
  Value* x = plus(l, times(l, l.bottom(0), p.scale()), p.shift());
  l.top(0, p.power() == 1.0f ? x : l.node("Pow", {x, l.scalar(p.power())}, l.shape()));
}

// 1 where x > threshold, else 0. The difference of two floats is 0 only where they are equal.
void threshold(Layer& l) {
  Value* above = l.node("Sub", {l.bottom(0), l.scalar(l.param.threshold_param().threshold())}, l.shape());
  l.top(0, l.node("Relu", {l.node("Sign", {above}, l.shape())}, l.shape()));
}

void swish(Layer& l) {
  Value* gate = l.node("Sigmoid", {times(l, l.bottom(0), l.param.swish_param().beta())}, l.shape());
  l.top(0, l.node("Mul", {l.bottom(0), gate}, l.shape()));
}

constexpr LayerRow kRows[] = {
    {"AbsVal", 1, 1, 1, 1, plain<"Abs">},
    {"BNLL", 1, 1, 1, 1, plain<"Softplus">},
    {"CReLU", 1, 1, 1, 1, crelu},
    {"Clip", 1, 1, 1, 1, clip},
    {"ELU", 1, 1, 1, 1, elu},
    {"Exp", 1, 1, 1, 1, exponential},
    {"Log", 1, 1, 1, 1, logarithm},
    {"Mish", 1, 1, 1, 1, plain<"Mish">},
    {"PReLU", 1, 1, 1, 1, prelu},
    {"Power", 1, 1, 1, 1, power},
    {"RReLU", 1, 1, 1, 1, rrelu},
    {"ReLU", 1, 1, 1, 1, relu},
    {"ReLU6", 1, 1, 1, 1, relu6},
    {"Sigmoid", 1, 1, 1, 1, plain<"Sigmoid">},
    {"Swish", 1, 1, 1, 1, swish},
    {"TanH", 1, 1, 1, 1, plain<"Tanh">},
    {"Threshold", 1, 1, 1, 1, threshold},
};

}  // namespace

std::span<const LayerRow> activation_layers() { return kRows; }

}  // namespace openhb::caffe_frontend
