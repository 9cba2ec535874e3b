// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <unordered_map>

#include "host/ops/operator.h"
#include "host/quantize/qdq.h"
#include "host/quantize/weights.h"

namespace openhb::quantize {
namespace {

using graph::Graph;
using graph::Node;
using graph::Value;

class Marker {
 public:
  explicit Marker(Graph& graph) : graph_(graph) {}

  void run() {
    std::vector<Node*> nodes;
    for (const auto& n : graph_.nodes()) nodes.push_back(n.get());
    for (Node* node : nodes) {
      const ops::QuantRule rule =
          node->int8 ? ops::op_of(*node, graph_.opset).quant(*node) : ops::QuantRule{};
      for (size_t i = 0; i < node->inputs.size(); ++i) mark_input(*node, rule, i);
      if (node->int8 && rule.kind == ops::QuantKind::compute) mark_weights(*node, rule);
    }
    mark_outputs();
  }

 private:
  static bool read_as_codes(const ops::QuantRule& rule, size_t input) {
    return std::ranges::find(rule.activations, input) != rule.activations.end();
  }
  // Whoever reads what an integer node made gets what its codes stand for.
  static bool exists_as_codes(const Value& v) { return v.quant && v.producer && v.producer->int8; }

  void mark_input(Node& node, const ops::QuantRule& rule, size_t i) {
    Value* v = node.inputs[i];
    if (!v || !v->quant || (v->is_constant() && rule.kind == ops::QuantKind::compute)) return;
    const bool codes = node.int8 && (v->is_constant() || read_as_codes(rule, i));
    if (codes || exists_as_codes(*v)) node.inputs[i] = activation(v, &node);
  }

  void mark_weights(Node& node, const ops::QuantRule& own) {
    const Node* marker = node.input(0)->producer;
    if (!marker || marker->op != "HzCalibration") return;
    const Value* x = marker->input(0);
    const Tensor* bias = node.input(2) ? node.input(2)->constant.get() : nullptr;
    Value* w = node.inputs[1];
    const auto integer = quantize_weights(*w->constant, own.weight_axis, bias, x->quant->scale(), x->codes,
                                          w->quant ? &*w->quant : nullptr);
    // The same weights behind inputs of other scales may have others themselves.
    for (const auto& [scales, marked] : weights_[w])
      if (scales == integer.scales) {
        node.inputs[1] = marked;
        return;
      }
    const auto n = static_cast<int64_t>(integer.scales.size());
    std::vector<float> thresholds;
    for (float s : integer.scales) thresholds.push_back(s * 127.0f);
    Value* marked = add(w, Tensor::from<float>({n}, integer.scales), Tensor(DType::i8, {n}), own.weight_axis,
                        std::move(thresholds), integer.scales, "int8", &node);
    weights_[w].emplace_back(integer.scales, marked);
    node.inputs[1] = marked;
  }

  // The names of outputs are the user's: what is behind the marker keeps it.
  void mark_outputs() {
    for (Value* v : std::vector<Value*>(graph_.outputs)) {
      if (!exists_as_codes(*v)) continue;
      Value* marked = activation(v, nullptr);
      Node* marker = marked->producer;
      Node* producer = v->producer;
      Value* before = graph_.add_value(v->name + "_uncalibrated", v->dtype, v->shape);
      std::ranges::replace(producer->outputs, v, before);
      before->producer = producer;
      std::ranges::replace(marker->outputs, marked, v);
      v->producer = marker;
      marker->inputs[0] = before;
      marked->producer = nullptr;
      for (const auto& node : graph_.nodes()) std::ranges::replace(node->inputs, marked, v);
    }
    graph_.remove_dead();
  }

  Value* activation(Value* v, const Node* before) {
    if (const auto it = activations_.find(v); it != activations_.end()) return it->second;
    const QuantParams& q = *v->quant;
    const auto zero = static_cast<uint8_t>(q.zero_point() + 128);
    const bool int16 = v->codes == DType::i16;
    return activations_[v] =
               add(v, Tensor::from<float>({}, std::vector<float>{q.scale()}),
                   int16 ? Tensor(DType::i16, {}) : Tensor::from<uint8_t>({}, std::vector<uint8_t>{zero}), 1,
                   {std::max(-v->range_lo, v->range_hi)},
                   {v->range_lo, v->range_hi, q.scale(), static_cast<float>(q.zero_point())},
                   int16 ? "int16" : "int8", before);
  }

  Value* add(Value* v, Tensor scale, Tensor zero, int64_t axis, std::vector<float> thresholds,
             std::vector<float> calibrated, std::string qtype, const Node* before) {
    Node* node = graph_.add_node("HzCalibration", v->name + "_HzCalibration",
                                 {v, graph_.add_constant(v->name + "_scale", std::move(scale)),
                                  graph_.add_constant(v->name + "_zero_point", std::move(zero))},
                                 {v->name + "_calibrated"}, before);
    node->domain = "horizon";
    node->attributes["axis"] = axis;
    node->attributes["calibrated"] = std::move(calibrated);
    node->attributes["qtype"] = std::move(qtype);
    node->attributes["thresholds"] = std::move(thresholds);
    node->outputs[0]->dtype = v->dtype;
    node->outputs[0]->shape = v->shape;
    return node->outputs[0];
  }

  Graph& graph_;
  std::unordered_map<const Value*, Value*> activations_;
  std::unordered_map<const Value*, std::vector<std::pair<std::vector<float>, Value*>>> weights_;
};

}  // namespace

graph::Graph calibrated_graph(const graph::Graph& source) {
  graph::Graph g = source.clone();
  g.ir_version = std::max<int64_t>(g.ir_version, 8);
  Marker(g).run();
  return g;
}

}  // namespace openhb::quantize
