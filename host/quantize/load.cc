// SPDX-License-Identifier: Apache-2.0
#include "host/quantize/load.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <unordered_map>

#include "host/compiler/lowering.h"
#include "host/ops/operator.h"
#include "host/quantize/file_params.h"
#include "host/quantize/weights.h"

namespace openhb::quantize {
namespace {

using graph::Graph;
using graph::Node;
using graph::Value;

bool is_op(const Node* node, std::string_view op) { return node && node->domain.empty() && node->op == op; }

class Taker {
 public:
  explicit Taker(Graph& graph) : graph_(graph) {}

  LoadedParams take() {
    for (Node* node : nodes()) expand(*node);
    std::vector<Node*> products;  // the nodes behind them go as well
    for (Node* node : nodes())
      if (is_op(node, "ConvInteger") || is_op(node, "MatMulInteger")) products.push_back(node);
    for (Node* node : products) integer_product(*node);
    for (Node* node : nodes())
      if (is_op(node, "DequantizeLinear")) constant(*node);
    for (Node* node : nodes())
      if (is_op(node, "DequantizeLinear")) activation(*node);
    if (!found_)
      fail(ErrorCode::model_structure,
           "calibration_type is load, but the model has no scales to load (QuantizeLinear, DequantizeLinear, "
           "QLinearConv...); use another calibration_type for a float model");
    graph_.remove_dead();
    return std::move(params_);
  }

 private:
  std::vector<Node*> nodes() const {
    std::vector<Node*> list;
    for (const auto& node : graph_.nodes()) list.push_back(node.get());
    return list;
  }
  Value* add(const std::string& op, const Node& near, std::vector<Value*> inputs,
             std::map<std::string, graph::Attribute> attributes = {}) {
    const std::string name = graph_.unique_name(near.name + "_" + op);
    Node* node = graph_.add_node(op, name, std::move(inputs), {name}, &near);
    node->attributes = std::move(attributes);
    return node->outputs[0];
  }
  void replace(Node& node, Value* by) {
    Value* old = node.outputs[0];
    graph_.remove_node(&node);
    // Names of the graph's outputs are the user's.
    if (!graph_.is_output(old)) return graph_.replace_uses(old, by);
    graph_.add_node_to("Identity", graph_.unique_name(old->name + "_output"), {by}, {old});
    if (const auto it = params_.values.find(by->name); it != params_.values.end())
      params_.values.emplace(old->name, it->second);
    graph_.sort();
  }

  // QLinearConv and QLinearMatMul: the float operator between conversions.
  void expand(Node& node) {
    const bool conv = is_op(&node, "QLinearConv");
    if (!conv && !is_op(&node, "QLinearMatMul")) return;
    if (node.inputs.size() < 8) return;
    const auto in = node.inputs;
    Value* x = add("DequantizeLinear", node, {in[0], in[1], in[2]});
    Value* w = add("DequantizeLinear", node, {in[3], in[4], in[5]}, {{"axis", int64_t{conv ? 0 : 1}}});
    std::vector<Value*> inputs{x, w};
    if (Value* bias = node.input(8)) {
      const auto sx = floats(in[1]), sw = floats(in[4]);
      if (!sx || !sw || sx->size() != 1) return;
      std::vector<float> scale;
      for (float s : *sw) scale.push_back((*sx)[0] * s);
      const Shape shape = scale.size() == 1 ? Shape{} : Shape{static_cast<int64_t>(scale.size())};
      Value* scales = graph_.add_constant(node.name + "_bias_scale", Tensor::from<float>(shape, scale));
      inputs.push_back(add("DequantizeLinear", node, {bias, scales}, {{"axis", int64_t{0}}}));
    }
    Value* y = add(conv ? "Conv" : "MatMul", node, inputs, node.attributes);
    node.op = "QuantizeLinear";
    node.attributes.clear();
    node.inputs = {y, in[6], in[7]};
  }

  // ConvInteger or MatMulInteger, [Add of a bias], Cast, Mul by the scales: how a layer with a float result
  // is written.
  void integer_product(Node& node) {
    const bool conv = is_op(&node, "ConvInteger");
    if (node.inputs.size() < 4) return;
    auto reader = [&](const Node* of) -> Node* {
      const auto consumers = graph_.consumers();
      const auto it = consumers.find(of->outputs[0]);
      return it != consumers.end() && it->second.size() == 1 && !graph_.is_output(of->outputs[0])
                 ? it->second[0]
                 : nullptr;
    };
    Node* next = reader(&node);
    Node* biased = is_op(next, "Add") ? next : nullptr;
    const auto bias = biased ? integers(biased->input(1)) : std::vector<int64_t>{};
    if (biased) next = reader(biased);
    Node* last = is_op(next, "Cast") ? reader(next) : nullptr;
    if (!is_op(last, "Mul") || !bias) return;
    const Value *source = node.input(0), *zero = node.input(2);
    const auto codes = integers(node.input(1)), weight_zero = integers(node.input(3)),
               x_zero = integers(zero);
    const auto scales = floats(last->input(1));
    const Node* quantizer = source->producer;
    const auto x_scale = is_op(quantizer, "QuantizeLinear") ? floats(quantizer->input(1)) : std::nullopt;
    if (!codes || !weight_zero || weight_zero->size() != 1 || !scales || !x_zero || !x_scale ||
        x_scale->size() != 1)
      return;
    const Shape shape = node.input(1)->constant->shape();
    const size_t axis = conv ? 0 : shape.size() - 1;
    const auto channels = static_cast<size_t>(shape[axis]);
    if (scales->size() != channels && scales->size() != 1) return;
    LoadedParams::Entry entry{{{}, std::vector<int32_t>(channels, 0), static_cast<int32_t>(axis)}, DType::i8};
    for (size_t c = 0; c < channels; ++c)
      entry.quant.scales.push_back(factor((*scales)[scales->size() == 1 ? 0 : c], (*x_scale)[0]));
    Tensor weights(DType::f32, shape);
    for (size_t i = 0; i < codes->size(); ++i)
      weights.data<float>()[i] = static_cast<float>((*codes)[i] - (*weight_zero)[0]) *
                                 entry.quant.scales[channel_of(shape, axis, i)];
    Value* w = graph_.add_constant(node.name + "_weight_float", std::move(weights));
    params_.values[w->name] = entry;
    Value* x = add("DequantizeLinear", node, {node.inputs[0], quantizer->inputs[1], node.inputs[2]});
    std::vector<Value*> inputs{x, w};
    const bool gemm = biased && !conv;
    if (biased) {
      Tensor b(DType::f32, {static_cast<int64_t>(channels)});
      for (size_t c = 0; c < channels; ++c)
        b.data<float>()[c] =
            static_cast<float>((*bias)[bias->size() == 1 ? 0 : c]) * ((*x_scale)[0] * entry.quant.scales[c]);
      inputs.push_back(graph_.add_constant(node.name + "_bias_float", std::move(b)));
    }
    Value* y = add(conv   ? "Conv"
                   : gemm ? "Gemm"
                          : "MatMul",
                   node, inputs, conv ? node.attributes : std::map<std::string, graph::Attribute>{});
    found_ = true;
    replace(*last, y);
  }

  // s with f32(x * s) == product, which the layer's result was multiplied by.
  static float factor(float product, float x) {
    const float s = product / x;
    for (const float candidate : {s, std::nextafter(s, 0.0f), std::nextafter(s, INFINITY)})
      if (x * candidate == product) return candidate;
    return s;
  }

  // A dequantized constant is a float constant that remembers its scales.
  void constant(Node& node) {
    const auto codes = integers(node.input(0));
    const auto scales = floats(node.input(1));
    if (!codes || !scales || node.attr_int("block_size", 0) > 0) return;
    const Shape shape = node.input(0)->constant->shape();
    const auto rank = static_cast<int64_t>(shape.size());
    int64_t axis = scales->size() == 1 ? 0 : node.attr_int("axis", 1);
    if (axis < 0) axis += rank;
    if (scales->size() > 1 &&
        (axis < 0 || axis >= rank || shape[static_cast<size_t>(axis)] != std::ssize(*scales)))
      return;
    std::vector<int64_t> zeros = node.input(2) ? integers(node.input(2)).value_or(std::vector<int64_t>{})
                                               : std::vector<int64_t>(scales->size(), 0);
    if (zeros.size() != scales->size()) return;
    Tensor real(DType::f32, shape);
    const bool is_unsigned = node.input(0)->constant->dtype() == DType::u8;
    for (size_t i = 0; i < codes->size(); ++i) {
      const size_t c = scales->size() == 1 ? 0 : channel_of(shape, static_cast<size_t>(axis), i);
      const int64_t code = (*codes)[i] - zeros[c];
      real.data<float>()[i] = static_cast<float>(code) * (*scales)[c];
    }
    found_ = true;
    Value* v = graph_.add_constant(graph_.unique_name(node.outputs[0]->name + "_float"), std::move(real));
    const DType type = node.input(0)->constant->dtype();
    if (type == DType::i8 || is_unsigned) {
      QuantParams quant{*scales, {}, scales->size() == 1 ? -1 : static_cast<int32_t>(axis)};
      for (const int64_t z : zeros)
        quant.zero_points.push_back(static_cast<int32_t>(is_unsigned ? z - 128 : z));
      params_.values[v->name] = {quant, DType::i8};
    }
    replace(node, v);
  }

  // The float value behind codes: that which was quantized, or what operators that only move codes made of
  // it. nullptr where there is none.
  Value* real(Value* codes) {
    if (const auto it = real_.find(codes); it != real_.end()) return it->second;
    if (Value* input = codes->producer ? picture(codes) : nullptr) return input;
    Node* from = codes->producer;
    if (is_op(from, "QuantizeLinear")) {
      const auto entry = activation_params(*from);
      if (!entry) return nullptr;
      Value* v = from->inputs[0];
      const auto [known, fresh] = params_.values.emplace(v->name, *entry);
      // Another conversion of the same value: a value of its own.
      if (!fresh && !(known->second.quant == entry->quant)) {
        v = add("Identity", *from, {v});
        params_.values[v->name] = *entry;
      }
      return real_[codes] = v;
    }
    static const std::set<std::string_view> kMoves{
        "Reshape",      "Transpose",    "Flatten", "Squeeze", "Unsqueeze", "Slice",  "MaxPool", "Identity",
        "DepthToSpace", "SpaceToDepth", "Gather",  "Expand",  "Tile",      "Concat", "Split"};
    if (!from || !from->domain.empty() || !kMoves.contains(from->op)) return nullptr;
    const size_t count = from->op == "Concat" ? from->inputs.size() : 1;
    std::vector<Value*> inputs = from->inputs;
    for (size_t i = 0; i < count; ++i) {
      inputs[i] = inputs[i] ? real(inputs[i]) : nullptr;
      if (!inputs[i]) return nullptr;
    }
    std::vector<std::string> names;
    for (const Value* v : from->outputs) names.push_back(v->name + "_float");
    Node* moved = graph_.add_node(from->op, graph_.unique_name(from->name + "_float"), inputs, names, from);
    moved->attributes = from->attributes;
    for (size_t i = 0; i < from->outputs.size(); ++i) {
      real_[from->outputs[i]] = moved->outputs[i];
      params_.values[moved->outputs[i]->name] = params_.values.at(inputs[0]->name);
    }
    return real_[codes];
  }

  // The picture input of a model that this compiler wrote: int8 pixels - 128, shifted to uint8 codes.
  Value* picture(Value* codes) {
    Node* narrow = codes->producer;
    Node* shift = is_op(narrow, "Cast") && narrow->input(0) ? narrow->input(0)->producer : nullptr;
    Node* wide = is_op(shift, "Add") && shift->input(0) ? shift->input(0)->producer : nullptr;
    if (!is_op(wide, "Cast") || wide->input(0)->producer || wide->input(0)->is_constant()) return nullptr;
    const auto offset = integers(shift->input(1));
    if (!offset || offset->size() != 1 || (*offset)[0] != 128 || wide->input(0)->dtype != DType::i8)
      return nullptr;
    Value* input = wide->inputs[0];
    input->dtype = DType::f32;
    real_[codes] = input;
    params_.values[input->name] = {{{1.0f}, {0}, -1}, DType::i8};
    return input;
  }

  void activation(Node& node) {
    Value* codes = node.inputs[0];
    Value* v = real_.contains(codes) ? real_[codes] : real(codes);
    const auto own = activation_params(node);
    if (!v || !own) return;
    const auto& stored = params_.values.at(v->name);
    if (!(stored.quant == own->quant)) return;  // not a pair
    found_ = true;
    replace(node, v);
  }

  Graph& graph_;
  LoadedParams params_;
  std::unordered_map<const Value*, Value*> real_;
  bool found_ = false;
};

}  // namespace

QuantParams operand_params(const Value& constant) {
  return constant.quant && constant.quant->axis < 0 && constant.codes == DType::i8
             ? *constant.quant
             : compiler::constant_quant(*constant.constant);
}

QuantParams operand_params_int16(const Value& constant) {
  return constant.quant && constant.quant->axis < 0 && constant.codes == DType::i16
             ? *constant.quant
             : compiler::constant_quant_int16(*constant.constant);
}

LoadedParams take_quantization(Graph& graph) { return Taker(graph).take(); }

void move_behind_preprocess(const Graph& graph, const std::vector<std::string>& pictures,
                            LoadedParams& params) {
  for (const std::string& name : pictures) {
    const auto own = params.values.find(name);
    const Node* node = graph.find_node("HZ_PREPROCESS_FOR_" + name);
    const LoadedParams::Entry pixels{{{1.0f}, {0}, -1}, DType::i8};
    if (own != params.values.end() && node && !(own->second.quant == pixels.quant))
      params.values[node->outputs[0]->name] = own->second;
    params.values[name] = pixels;
  }
}

std::vector<std::string> quantized_nodes(const Graph& graph, const LoadedParams& params) {
  std::vector<std::string> names;
  const auto consumers = graph.consumers();
  for (const auto& node : graph.nodes()) {
    const Node* next = compiler::fusable_activation(*node, consumers, graph);
    const auto& outputs = next ? next->outputs : node->outputs;
    if (std::all_of(outputs.begin(), outputs.end(),
                    [&](const Value* v) { return params.values.contains(v->name); }))
      names.push_back(node->name);
  }
  return names;
}

void apply_params(Graph& graph, const LoadedParams& params) {
  for (const auto& v : graph.values()) {
    v->quant.reset();
    const auto it = params.values.find(v->name);
    if (it == params.values.end()) continue;
    const QuantParams& q = it->second.quant;
    v->quant = q;
    v->codes = it->second.codes;
    if (q.axis >= 0) continue;
    const auto [least, most] = compiler::code_range(v->codes);
    v->range_lo = (least - static_cast<float>(q.zero_point())) * q.scale();
    v->range_hi = (most - static_cast<float>(q.zero_point())) * q.scale();
  }
  const auto consumers = graph.consumers();
  auto to_float = [](Node& node, std::string reason) {
    node.int8 = false;
    node.reason = std::move(reason);
  };
  for (bool changed = true; changed;) {
    changed = false;
    std::set<const Node*> fused;  // activations that the step before them performs
    for (const auto& node : graph.nodes()) {
      if (!node->int8 || fused.contains(node.get())) continue;
      const ops::QuantRule rule = ops::op_of(*node, graph.opset).quant(*node);
      const bool compute = rule.kind == ops::QuantKind::compute;
      const Node* next = compiler::fused_activation(*node, consumers, graph, true, compute);
      std::string reason;
      for (size_t i : rule.activations)
        if (!node->input(i)->quant)
          reason = fmt::format("the model gives no scale for its input '{}'", node->input(i)->name);
      if (reason.empty() && !compute) {
        for (Value* v : node->outputs) {
          if (rule.kind == ops::QuantKind::passive && !v->quant) {
            v->quant = node->input(0)->quant;
            v->codes = node->input(0)->codes;
            v->range_lo = node->input(0)->range_lo, v->range_hi = node->input(0)->range_hi;
          }
          if (!v->quant && !next && v->dtype == DType::f32 && (consumers.contains(v) || graph.is_output(v)))
            reason = fmt::format("the model gives no scale for its result '{}'", v->name);
          if (rule.kind == ops::QuantKind::passive && !(v->quant == node->input(0)->quant))
            reason = "it moves codes, but the model gives its input and its result different scales";
        }
      }
      if (reason.empty()) {
        bool wide = false;
        for (size_t i : rule.activations) wide = wide || node->input(i)->codes == DType::i16;
        for (const Value* v : node->outputs) wide = wide || (v->quant && v->codes == DType::i16);
        if (wide && !rule.int16) reason = "the model gives it int16, which it does not take";
      }
      if (reason.empty() && compute) {
        const Value *x = node->input(0), *w = node->input(1);
        const Tensor* bias = node->input(2) ? node->input(2)->constant.get() : nullptr;
        const auto integer = quantize_weights(*w->constant, rule.weight_axis, bias, x->quant->scale(),
                                              x->codes, w->quant ? &*w->quant : nullptr);
        if (!accumulator_fits(integer, w->constant->shape(), rule.weight_axis, x->quant->zero_point(),
                              x->codes))
          reason = "its accumulator could overflow";
      }
      if (reason.empty()) {
        if (next) fused.insert(next);
        continue;
      }
      to_float(*node, reason);
      changed = true;
    }
  }
}

}  // namespace openhb::quantize
