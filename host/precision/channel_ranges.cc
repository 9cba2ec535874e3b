// SPDX-License-Identifier: Apache-2.0
#include "host/precision/channel_ranges.h"

#include <algorithm>
#include <cmath>

#include "host/passes/channel_affine.h"

namespace openhb::precision {
namespace {

using graph::Node;
using graph::Value;

// A value between its writer (perhaps behind an activation that commutes with positive factors) and readers.
struct Place {
  Value* value;
  Node* writer;
  std::vector<Node*> readers;
};

bool constant_weights(const Node& node) {
  return node.input(1) && node.input(1)->is_constant() && node.input(1)->dtype == DType::f32;
}

// The node multiplies each channel of its input by weights of its own: groups are one channel wide, or all.
bool reads_channels(const Node& node, const Value& value) {
  if (!node.domain.empty() || node.input(0) != &value || !constant_weights(node)) return false;
  const int64_t channels = value.shape.size() > 1 ? value.shape[1] : 0;
  const Shape& w = node.input(1)->shape;
  if (node.op == "Conv") {
    const int64_t groups = node.attr_int("group", 1);
    return (groups == 1 && w[1] == channels) || (groups == channels && w[0] % channels == 0);
  }
  return node.op == "Gemm" && value.shape.size() == 2 && node.attr_int("transA", 0) == 0 &&
         node.attr_int("transB", 0) == 1 && w[1] == channels;
}

Node* writer_of(const Value& value, const graph::Consumers& consumers) {
  Node* node = value.producer;
  if (!node) return nullptr;
  if (node->domain.empty() && (node->op == "Relu" || node->op == "LeakyRelu")) {
    const Value* inner = node->input(0);
    const auto users = consumers.find(inner);
    if (!inner->producer || users == consumers.end() || users->second.size() != 1) return nullptr;
    node = inner->producer;
  }
  return node->domain.empty() && node->int8 && passes::channel_output(*node) ? node : nullptr;
}

std::vector<Place> places(const graph::Graph& graph) {
  std::vector<Place> list;
  const auto consumers = graph.consumers();
  for (const auto& v : graph.values()) {
    const auto users = consumers.find(v.get());
    if (v->is_constant() || users == consumers.end() || graph.is_output(v.get())) continue;
    const bool all =
        std::ranges::all_of(users->second, [&](const Node* n) { return n->int8 && reads_channels(*n, *v); });
    Node* writer = all ? writer_of(*v, consumers) : nullptr;
    if (!writer || graph.is_output(writer->outputs[0])) continue;
    list.push_back({v.get(), writer, users->second});
  }
  return list;
}

// Calls f(element, channel, output channel) for every weight of a reader.
template <class F>
void each_weight(const Node& node, int64_t channels, F f) {
  const Shape& s = node.input(1)->shape;
  const int64_t taps = num_elements(Shape(s.begin() + 2, s.end())), total = num_elements(s);
  const bool depthwise = node.op == "Conv" && node.attr_int("group", 1) == channels && channels > 1;
  const int64_t per_channel = depthwise ? s[0] / channels : 1;
  for (int64_t i = 0; i < total; ++i) {
    const int64_t at = i / taps, out = at / s[1];
    f(static_cast<size_t>(i), static_cast<size_t>(depthwise ? out / per_channel : at % s[1]),
      static_cast<size_t>(out));
  }
}

constexpr int kMostPower = 4;

// Per channel the power k with the least A / 4^k + W * 4^k: A is the error of activations' codes behind the
// weights, W that of the weights' codes behind activations (all errors are uniform over a step; the mean
// square of a channel is taken as a sixteenth of its largest square).
std::vector<int> powers(const Place& place, const std::vector<float>& ranges) {
  const double widest = static_cast<double>(*std::ranges::max_element(ranges));
  std::vector<double> a(ranges.size(), 0.0), w(ranges.size(), 0.0);
  const double step = widest / 255;
  for (const Node* reader : place.readers) {
    const auto weights = reader->input(1)->constant->data<float>();
    const auto channels = static_cast<int64_t>(ranges.size());
    const bool depthwise = reader->op == "Conv" && reader->attr_int("group", 1) == channels && channels > 1;
    std::vector<double> largest(static_cast<size_t>(reader->input(1)->shape[0]), 0.0);
    each_weight(*reader, channels, [&](size_t i, size_t, size_t out) {
      largest[out] = std::max(largest[out], std::fabs(static_cast<double>(weights[i])));
    });
    each_weight(*reader, channels, [&](size_t i, size_t c, size_t out) {
      const double x = static_cast<double>(weights[i]), r = static_cast<double>(ranges[c]) / 4;
      a[c] += step * step * x * x;
      // A depthwise filter has a scale of its own: it loses nothing.
      if (!depthwise) w[c] += largest[out] / 127 * largest[out] / 127 * r * r;
    });
  }
  std::vector<int> result(ranges.size(), 0);
  for (size_t c = 0; c < ranges.size(); ++c) {
    if (!(ranges[c] > 0)) continue;
    const int room = std::min(
        kMostPower, static_cast<int>(std::floor(std::log2(widest / static_cast<double>(ranges[c])))));
    const auto error = [&](int k) { return std::ldexp(a[c], -2 * k) + std::ldexp(w[c], 2 * k); };
    for (int k = 1; k <= room; ++k)
      if (error(k) < error(result[c])) result[c] = k;
  }
  return result;
}

}  // namespace

std::vector<const Value*> values_with_channels(const graph::Graph& graph) {
  std::vector<const Value*> list;
  for (const Place& place : places(graph)) list.push_back(place.value);
  return list;
}

size_t widen_channels(graph::Graph& graph, const ChannelRanges& ranges) {
  size_t changed = 0;
  for (const Place& place : places(graph)) {
    const auto seen = ranges.find(place.value->name);
    const auto output = passes::channel_output(*place.writer);
    if (seen == ranges.end() || !output || std::ssize(seen->second) != output->channels) continue;
    const std::vector<int> k = powers(place, seen->second);
    if (std::ranges::all_of(k, [](int power) { return power == 0; })) continue;
    std::vector<double> factors;
    for (int power : k) factors.push_back(std::ldexp(1.0, power));
    const std::vector<double> none(factors.size(), 0.0);
    if (!passes::apply_channel_affine(graph, *place.writer, factors, none)) continue;
    for (Node* reader : place.readers) {
      Tensor weights = *reader->input(1)->constant;
      const auto values = weights.data<float>();
      each_weight(*reader, output->channels,
                  [&](size_t i, size_t c, size_t) { values[i] = std::ldexp(values[i], -k[c]); });
      reader->inputs[1] = graph.add_constant(reader->input(1)->name, std::move(weights));
    }
    ++changed;
  }
  graph.remove_dead();
  return changed;
}

}  // namespace openhb::precision
