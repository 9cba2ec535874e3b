// SPDX-License-Identifier: Apache-2.0
#include "host/passes/preprocess.h"

#include <algorithm>
#include <cmath>

#include "common/image/yuv.h"
#include "host/config/inputs.h"

namespace openhb::passes {
namespace {

using graph::Node;
using graph::Value;

float channel_value(const std::vector<float>& list, size_t channel, float fallback) {
  return list.empty() ? fallback : list.size() == 1 ? list[0] : list[channel];
}

bool is_yuv(InputKind kind) { return kind == InputKind::yuv444 || kind == InputKind::nv12; }

// Training channel c = sum over k of weight[c][k] * x[k] + offset[c], x as the graph input holds it.
struct ColourMap {
  std::vector<std::vector<float>> weight;
  std::vector<float> offset;
};

ColourMap colour_map(const config::InputConfig& input, size_t channels) {
  ColourMap map{std::vector(channels, std::vector<float>(channels, 0.0f)),
                std::vector<float>(channels, 0.0f)};
  const bool picture = input.kind_rt != InputKind::featuremap;
  if (is_yuv(input.kind_rt) && !is_yuv(input.kind_train)) {
    const YuvMatrix& m = rgb_from_yuv(input.bt601_video);
    for (size_t c = 0; c < 3; ++c) {
      const size_t colour = input.kind_train == InputKind::bgr ? 2 - c : c;
      double offset = 0;
      for (size_t k = 0; k < 3; ++k) {
        map.weight[c][k] = static_cast<float>(m.to[colour][k]);
        offset += m.to[colour][k] * (128 - m.zero[k]);
      }
      map.offset[c] = static_cast<float>(offset);
    }
    return map;
  }
  const auto order = colour_order(input.kind_train, input.kind_rt);
  for (size_t c = 0; c < channels; ++c) {
    map.weight[c][picture ? order[c] : c] = 1.0f;
    map.offset[c] = picture ? 128.0f : 0.0f;
  }
  return map;
}

// The intermediate type, as a viewer of the ONNX file shows it.
std::string intermediate_type(InputKind rt) {
  switch (rt) {
    case InputKind::featuremap:
      return "featuremap";
    case InputKind::rgb:
      return "RGB_128";
    case InputKind::bgr:
      return "BGR_128";
    case InputKind::gray:
      return "GRAY_128";
    default:
      return "yuv444_128";
  }
}

}  // namespace

std::vector<size_t> colour_order(InputKind train, InputKind rt) {
  if (train == InputKind::gray || train == InputKind::featuremap) return {0};
  const auto reversed = [](InputKind a, InputKind b) { return a == InputKind::rgb && b == InputKind::bgr; };
  if (reversed(train, rt) || reversed(rt, train)) return {2, 1, 0};
  return {0, 1, 2};
}

Tensor normalised(const Tensor& sample, const config::InputConfig& input) {
  Tensor result = sample;
  const Shape& shape = sample.shape();
  const size_t axis = shape.size() == 4 ? (input.nhwc_train ? 3 : 1) : 0;
  const auto channels = static_cast<size_t>(shape[axis]),
             inner = static_cast<size_t>(dense_strides(shape)[axis]);
  const auto values = result.data<float>();
  for (size_t i = 0; i < values.size(); ++i) {
    const size_t c = i / inner % channels;
    values[i] = (values[i] - channel_value(input.mean, c, 0.0f)) * channel_value(input.scale, c, 1.0f);
  }
  return result;
}

void insert_preprocess(graph::Graph& graph, const std::vector<config::InputConfig>& inputs) {
  for (size_t i = 0; i < inputs.size(); ++i) {
    const config::InputConfig& input = inputs[i];
    const bool picture = input.kind_rt != InputKind::featuremap;
    if (!picture && input.norm == config::Norm::none) continue;
    Value* x = graph.inputs[i];
    if (graph.find_node("HZ_PREPROCESS_FOR_" + x->name)) continue;  // a model that this compiler wrote
    const Shape shape = x->shape;
    if (const std::string wrong = config::wrong_shape(input, shape); !wrong.empty())
      fail(ErrorCode::config_bad_value, "input '{}': {}", x->name, wrong);
    if (x->dtype != DType::f32)
      fail(ErrorCode::config_bad_value,
           "input '{}' is of {}, but {} is only for float32 inputs; use featuremap and no_preprocess",
           x->name, dtype_name(x->dtype), picture ? "a picture" : "norm_type");
    const size_t channel_axis = input.nhwc_train ? 3 : 1;
    const auto channels = static_cast<size_t>(shape[channel_axis]);
    for (const auto* list : {&input.mean, &input.scale})
      if (list->size() > 1 && list->size() != channels)
        fail(ErrorCode::config_bad_value,
             "mean_value or scale_value of input '{}' has {} numbers, the input {} channels", x->name,
             list->size(), channels);
    Tensor weights(DType::f32, {shape[channel_axis], shape[channel_axis], 1, 1}),
        bias(DType::f32, {shape[channel_axis]});
    const ColourMap map = colour_map(input, channels);
    for (size_t c = 0; c < channels; ++c) {
      const float mean = channel_value(input.mean, c, 0.0f), scale = channel_value(input.scale, c, 1.0f);
      for (size_t k = 0; k < channels; ++k)
        if (map.weight[c][k] != 0) weights.data<float>()[c * channels + k] = map.weight[c][k] * scale;
      bias.data<float>()[c] = (map.offset[c] - mean) * scale;
    }
    if (const auto values = bias.data<float>();
        !std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); }))
      fail(ErrorCode::config_bad_value, "mean_value times scale_value of input '{}' is too large for float32",
           x->name);
    const std::string name = "HZ_PREPROCESS_FOR_" + x->name;
    Value* normalised = graph.add_value(x->name + "_preprocessed", DType::f32, shape);
    graph.replace_uses(x, normalised);
    const Node* first = graph.nodes().empty() ? nullptr : graph.nodes().front().get();
    auto transpose = [&](Value* from, Value* to, const std::vector<int64_t>& perm, const char* suffix) {
      Node* node = graph.add_node_to("Transpose", name + suffix, {from}, {to}, first);
      node->attributes["perm"] = perm;
      for (size_t k = 0; k < 4; ++k)
        to->shape.resize(4), to->shape[k] = from->shape[static_cast<size_t>(perm[k])];
    };
    Value *source = x, *result = normalised;
    if (input.nhwc_train) {
      source = graph.add_value(x->name + "_nchw");
      result = graph.add_value(x->name + "_preprocessed_nchw");
      transpose(x, source, {0, 3, 1, 2}, "_nchw");
    }
    Node* node = graph.add_node_to("HzPreprocess", name,
                                   {source, graph.add_constant(name + "_weight", std::move(weights)),
                                    graph.add_constant(name + "_bias", std::move(bias))},
                                   {result}, first);
    node->domain = "horizon";
    node->attributes["input_type"] = intermediate_type(input.kind_rt);
    node->attributes["data_format"] = std::string(input.nhwc_train ? "NHWC" : "NCHW");
    result->shape = source->shape;
    if (input.nhwc_train) transpose(result, normalised, {0, 2, 3, 1}, "_nhwc");
  }
}

}  // namespace openhb::passes
