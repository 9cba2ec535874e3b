// SPDX-License-Identifier: Apache-2.0
#include "host/precision/bias_correction.h"

#include "host/ops/operator.h"
#include "host/quantize/weights.h"

namespace openhb::precision {
namespace {

bool correctable(const graph::Graph& graph, const graph::Node& node) {
  if (!node.int8 || !node.input(2) || !node.input(2)->is_constant() || !node.input(0)->quant) return false;
  return ops::op_of(node, graph.opset).quant(node).kind == ops::QuantKind::compute;
}

}  // namespace

std::vector<const graph::Value*> values_for_bias_correction(const graph::Graph& graph) {
  std::vector<const graph::Value*> list;
  for (const auto& node : graph.nodes())
    if (correctable(graph, *node)) list.push_back(node->input(0));
  return list;
}

void correct_biases(graph::Graph& graph, const ChannelMeans& means) {
  for (const auto& node : graph.nodes()) {
    if (!correctable(graph, *node)) continue;
    const auto mean = means.find(node->input(0)->name);
    if (mean == means.end()) continue;
    const Tensor& weights = *node->input(1)->constant;
    const Shape& shape = weights.shape();
    const int axis = ops::op_of(*node, graph.opset).quant(*node).weight_axis;
    const auto integer = quantize::quantize_weights(weights, axis, node->input(2)->constant.get(),
                                                    node->input(0)->quant->scale(), node->input(0)->codes);
    // Weight element i belongs to output channel `out` and to channel `in` of its group.
    const bool matrix = shape.size() == 2;
    const int64_t outputs = shape[static_cast<size_t>(axis)], per_group = shape[axis == 0 ? 1 : 0];
    const int64_t taps = matrix ? 1 : num_elements(Shape(shape.begin() + 2, shape.end()));
    const int64_t groups = matrix ? 1 : node->attr_int("group", 1);
    if (static_cast<int64_t>(mean->second.size()) != per_group * groups) continue;
    std::vector<double> shift(static_cast<size_t>(outputs), 0.0);
    const auto w = weights.data<float>();
    for (size_t i = 0; i < w.size(); ++i) {
      const auto at = static_cast<int64_t>(i) / taps;
      const int64_t out = axis == 0 ? at / per_group : at % outputs,
                    in = axis == 0 ? at % per_group : at / outputs;
      const auto o = static_cast<size_t>(out);
      const double error =
          static_cast<double>(w[i]) - static_cast<double>(integer.scales[o]) * integer.codes[i];
      shift[o] += error * mean->second[static_cast<size_t>(out / (outputs / groups) * per_group + in)];
    }
    Tensor bias = *node->input(2)->constant;
    for (size_t o = 0; o < shift.size(); ++o) bias.data<float>()[o] += static_cast<float>(shift[o]);
    node->inputs[2] = graph.add_constant(node->input(2)->name, std::move(bias));
  }
  graph.remove_dead();
}

}  // namespace openhb::precision
