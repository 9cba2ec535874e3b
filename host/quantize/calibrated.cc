// SPDX-License-Identifier: Apache-2.0
#include <unordered_map>

#include "host/ops/operator.h"
#include "host/quantize/qdq.h"
#include "host/quantize/weights.h"

namespace openhb::quantize {

graph::Graph calibrated_graph(const graph::Graph& source) {
  graph::Graph g = source.clone();
  g.ir_version = std::max<int64_t>(g.ir_version, 8);
  std::unordered_map<graph::Value*, graph::Value*> marked;
  auto mark = [&](graph::Value* v, Tensor scale, Tensor zero, int64_t axis, std::vector<float> thresholds,
                  std::string qtype, const graph::Node* before) {
    if (const auto it = marked.find(v); it != marked.end()) return it->second;
    graph::Node* node = g.add_node("HzCalibration", v->name + "_HzCalibration",
                                   {v, g.add_constant(v->name + "_scale", std::move(scale)),
                                    g.add_constant(v->name + "_zero_point", std::move(zero))},
                                   {v->name + "_calibrated"}, before);
    node->domain = "horizon";
    node->attributes["axis"] = axis;
    node->attributes["qtype"] = std::move(qtype);
    node->attributes["thresholds"] = std::move(thresholds);
    node->outputs[0]->dtype = v->dtype;
    node->outputs[0]->shape = v->shape;
    return marked[v] = node->outputs[0];
  };
  std::vector<graph::Node*> nodes;
  for (const auto& n : g.nodes()) nodes.push_back(n.get());
  for (graph::Node* node : nodes) {
    if (!node->int8) continue;
    const ops::QuantRule rule = ops::op_of(*node, g.opset).quant(*node);
    for (size_t i : rule.activations) {
      graph::Value* v = node->inputs[i];
      if (!v->quant) continue;
      const QuantParams& q = *v->quant;
      const auto zero = static_cast<uint8_t>(q.zero_point() + 128);
      const bool int16 = v->codes == DType::i16;
      node->inputs[i] =
          mark(v, Tensor::from<float>({}, std::vector<float>{q.scale()}),
               int16 ? Tensor(DType::i16, {}) : Tensor::from<uint8_t>({}, std::vector<uint8_t>{zero}), 1,
               {std::max(-v->range_lo, v->range_hi)}, int16 ? "int16" : "int8", node);
    }
    if (rule.kind != ops::QuantKind::compute || !node->input(0)->producer) continue;
    const graph::Value* x = node->input(0)->producer->input(0);  // behind the marker just placed
    if (node->input(0)->producer->op != "HzCalibration" || !x->quant) continue;
    const Tensor* bias = node->input(2) ? node->input(2)->constant.get() : nullptr;
    graph::Value* w = node->inputs[1];
    const auto integer = quantize_weights(*w->constant, rule.weight_axis, bias, x->quant->scale(), x->codes,
                                          w->quant ? &*w->quant : nullptr);
    const auto n = static_cast<int64_t>(integer.scales.size());
    std::vector<float> thresholds;
    for (float s : integer.scales) thresholds.push_back(s * 127.0f);
    node->inputs[1] = mark(w, Tensor::from<float>({n}, integer.scales), Tensor(DType::i8, {n}),
                           rule.weight_axis, std::move(thresholds), "int8", node);
  }
  return g;
}

}  // namespace openhb::quantize
