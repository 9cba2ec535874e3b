// SPDX-License-Identifier: Apache-2.0
// Normalizations and Softmax.
#include <numeric>

#include "host/frontend/caffe/layer.h"

namespace openhb::caffe_frontend {
namespace {

// The axes stay, with extent 1.
Value* reduce(Layer& l, const char* op, Value* x, const std::vector<int64_t>& axes) {
  Shape shape = x->shape;
  for (const int64_t axis : axes) shape[static_cast<size_t>(axis)] = 1;
  return l.node(op, {x, l.ints(axes)}, shape, {{"keepdims", int64_t{1}}});
}

Value* centered(Layer& l, const std::vector<int64_t>& axes) {
  return l.node("Sub", {l.bottom(0), reduce(l, "ReduceMean", l.bottom(0), axes)}, l.shape());
}

Value* variance(Layer& l, Value* d, const std::vector<int64_t>& axes) {
  return reduce(l, "ReduceMean", l.node("Mul", {d, d}, d->shape), axes);
}

// Blobs: sums of means and variances, and the factor they were accumulated with.
void batch_norm(Layer& l) {
  const auto& p = l.param.batch_norm_param();
  l.require_shape(l.shape().size() >= 2, "its bottom needs a channel axis");
  const int64_t channels = l.shape()[1];
  if (p.has_use_global_stats() && !p.use_global_stats()) {
    l.notice("use_global_stats is false: the statistics are those of each input");
    std::vector<int64_t> axes{0};
    for (size_t i = 2; i < l.shape().size(); ++i) axes.push_back(static_cast<int64_t>(i));
    Value* d = centered(l, axes);
    Value* v = variance(l, d, axes);
    Value* deviation = l.node("Sqrt", {l.node("Add", {v, l.scalar(p.eps())}, v->shape)}, v->shape);
    return l.top(0, l.node("Div", {d, deviation}, l.shape()));
  }
  Tensor mean = l.blob(0, {channels}, "means"), var = l.blob(1, {channels}, "variances");
  const float sum = l.blob(2, {1}, "scale factor").data<float>()[0];
  const float factor = sum == 0.0f ? 0.0f : 1.0f / sum;
  for (float& v : mean.data<float>()) v *= factor;
  for (float& v : var.data<float>()) {
    v *= factor;
    if (!(v + p.eps() >= 0.0f)) l.refuse(ErrorCode::model_bad_value, "one of its variances is {}", v);
  }
  const std::vector<float> ones(static_cast<size_t>(channels), 1.0f),
      zeros(static_cast<size_t>(channels), 0.0f);
  l.top(0, l.node("BatchNormalization",
                  {l.bottom(0), l.constant("scale", Tensor::from<float>({channels}, ones)),
                   l.constant("bias", Tensor::from<float>({channels}, zeros)),
                   l.constant("mean", std::move(mean)), l.constant("variance", std::move(var))},
                  l.shape(), {{"epsilon", p.eps()}}));
}

void lrn(Layer& l) {
  l.require_rank(0, 4);
  const auto& p = l.param.lrn_param();
  const int64_t size = p.local_size();
  l.require(size % 2 == 1 && size < (1 << 16), "local_size is {}, expected an odd number", size);
  if (p.norm_region() == caffe::LRNParameter::ACROSS_CHANNELS) {
    l.top(0, l.node("LRN", {l.bottom(0)}, l.shape(),
                    {{"size", size}, {"alpha", p.alpha()}, {"beta", p.beta()}, {"bias", p.k()}}));
    return;
  }
  // x * (1 + alpha * mean of squares)^-beta; the mean counts the padding (Caffe: WithinChannelForward).
  const int64_t pad = (size - 1) / 2;
  Value* square = l.node("Mul", {l.bottom(0), l.bottom(0)}, l.shape());
  Value* mean = l.node("AveragePool", {square}, l.shape(),
                       {{"kernel_shape", std::vector<int64_t>{size, size}},
                        {"pads", std::vector<int64_t>(4, pad)},
                        {"count_include_pad", int64_t{1}}});
  Value* base =
      l.node("Add", {l.node("Mul", {mean, l.scalar(p.alpha())}, l.shape()), l.scalar(1)}, l.shape());
  Value* factor = l.node("Pow", {base, l.scalar(-p.beta())}, l.shape());
  l.top(0, l.node("Mul", {l.bottom(0), factor}, l.shape()));
}

void mvn(Layer& l) {
  const auto& p = l.param.mvn_param();
  l.require_shape(l.shape().size() >= 2 && (p.across_channels() || l.shape().size() >= 3),
                  "its bottom has nothing to normalize over");
  std::vector<int64_t> axes(l.shape().size() - (p.across_channels() ? 1 : 2));
  std::iota(axes.begin(), axes.end(), p.across_channels() ? 1 : 2);
  Value* d = centered(l, axes);
  if (!p.normalize_variance()) return l.top(0, d);
  Value* v = variance(l, d, axes);
  Value* deviation = l.node("Add", {l.node("Sqrt", {v}, v->shape), l.scalar(p.eps())}, v->shape);
  l.top(0, l.node("Div", {d, deviation}, l.shape()));
}

// x / |x| over the channels of each pixel, or over everything, times learned factors.
void normalize(Layer& l) {
  const auto& p = l.param.norm_param();
  l.require_shape(l.shape().size() >= 2, "its bottom needs a channel axis");
  std::vector<int64_t> axes{1};
  if (p.across_spatial())
    for (size_t i = 2; i < l.shape().size(); ++i) axes.push_back(static_cast<int64_t>(i));
  Value* sum = reduce(l, "ReduceSum", l.node("Mul", {l.bottom(0), l.bottom(0)}, l.shape()), axes);
  Value* norm = l.node("Sqrt", {l.node("Add", {sum, l.scalar(p.eps())}, sum->shape)}, sum->shape);
  Shape factors(l.shape().size(), 1);
  if (!p.channel_shared()) factors[1] = l.shape()[1];
  Tensor scale = l.blob(0, {p.channel_shared() ? 1 : l.shape()[1]}, "scales");
  Value* y = l.node("Div", {l.bottom(0), norm}, l.shape());
  l.top(0, l.node("Mul", {y, l.constant("scales", scale.reshaped(factors))}, l.shape()));
}

template <bool log>
void softmax(Layer& l) {
  const auto axis = static_cast<int64_t>(l.axis(l.param.softmax_param().axis()));
  l.top(0, l.node(log ? "LogSoftmax" : "Softmax", {l.bottom(0)}, l.shape(), {{"axis", axis}}));
}

constexpr LayerRow kRows[] = {
    {"BatchNorm", 1, 1, 1, 1, batch_norm},     {"LRN", 1, 1, 1, 1, lrn},
    {"LogSoftmax", 1, 1, 1, 1, softmax<true>}, {"MVN", 1, 1, 1, 1, mvn},
    {"Normalize", 1, 1, 1, 1, normalize},      {"Softmax", 1, 1, 1, 1, softmax<false>},
};

}  // namespace

std::span<const LayerRow> normalization_layers() { return kRows; }

}  // namespace openhb::caffe_frontend
