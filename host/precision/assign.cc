// SPDX-License-Identifier: Apache-2.0
#include "host/precision/assign.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "common/text/text.h"
#include "host/compiler/lowering.h"
#include "host/ops/operator.h"
#include "host/quantize/weights.h"

namespace openhb::precision {
namespace {

using graph::Graph;
using graph::Node;
using graph::Value;
using ops::QuantKind;
using ops::QuantRule;

QuantRule rule_of(const Graph& graph, const Node& node) { return ops::op_of(node, graph.opset).quant(node); }

std::unordered_set<const Node*> named_nodes(const Graph& graph, const std::vector<std::string>& names,
                                            std::string_view key) {
  std::unordered_set<const Node*> found;
  std::vector<std::string> known;
  for (const auto& n : graph.nodes()) known.push_back(n->name);
  for (const std::string& name : names) {
    const Node* node = graph.find_node(name);
    if (!node)
      fail(ErrorCode::config_bad_value, "{}: node '{}' is not in the optimized model.{}", key, name,
           suggestion(name, known));
    found.insert(node);
  }
  return found;
}

// Beyond this a scale, or the product of two, would not be a float any more.
constexpr float kLargestValue = 1e30f;

// The first element of a constant input that the integer engine cannot take, as a sentence's end; "" when
// there is none.
std::string unfit_constant(const Node& node, bool (*unfit)(float)) {
  for (const Value* v : node.inputs) {
    if (!v || !v->is_constant() || v->dtype != DType::f32) continue;
    const auto values = v->constant->data<float>();
    if (const auto it = std::find_if(values.begin(), values.end(), unfit); it != values.end())
      return fmt::format("its constant '{}' contains {}", v->name,
                         std::isnan(*it)   ? "NaN (not a number)"
                         : std::isinf(*it) ? "an infinite value"
                                           : fmt::format("{}", *it));
  }
  return "";
}

// Folding may also have made them.
void check_weights(const Node& node) {
  if (const std::string what = unfit_constant(node, [](float v) { return !std::isfinite(v); }); !what.empty())
    fail(ErrorCode::model_bad_value, "{}: {}; the model was damaged in training or export", node.describe(),
         what);
}

// Results may be of other types: comparisons give bool, ArgMax int64.
bool has_float_data(const Node& node, const QuantRule& rule) {
  return std::all_of(rule.activations.begin(), rule.activations.end(),
                     [&](size_t i) { return node.input(i)->dtype == DType::f32; });
}

}  // namespace

namespace {
// Values that will exist as int8 codes.
std::vector<Value*> int8_values(const Graph& graph) {
  const auto consumers = graph.consumers();
  std::vector<Value*> list;
  std::unordered_set<const Value*> seen;
  auto add = [&](Value* v) {
    if (!v->is_constant() && seen.insert(v).second) list.push_back(v);
  };
  std::unordered_set<const Value*> internal;  // between a convolution and its fused activation
  for (const auto& node : graph.nodes()) {
    if (!node->int8) continue;
    const QuantRule rule = rule_of(graph, *node);
    for (size_t i : rule.activations)
      if (!internal.count(node->input(i))) add(node->input(i));
    if (rule.kind == QuantKind::compute) {
      const Node* next = compiler::fusable_activation(*node, consumers, graph);
      if (next && next->int8) internal.insert(node->outputs[0]);
    } else {
      for (Value* v : node->outputs)
        if (v->dtype == DType::f32) add(v);
    }
  }
  return list;
}

// The parameters that the operator which computes a value prescribes.
std::optional<QuantParams> prescribed(const Graph& graph, const Value& value) {
  if (!value.producer || !value.producer->int8) return std::nullopt;
  return rule_of(graph, *value.producer).output;
}

bool shares_scale(const Graph& graph, const Value& value) {
  return value.producer && value.producer->int8 && rule_of(graph, *value.producer).kind == QuantKind::passive;
}
}  // namespace

namespace {
// The values of `graph` that are written or read by integer nodes which do not all take int16, each with the
// first such node.
std::unordered_map<const Value*, const Node*> int8_only_values(const Graph& graph) {
  std::unordered_map<const Value*, const Node*> found;
  for (const auto& node : graph.nodes()) {
    if (!node->int8) continue;
    const QuantRule rule = rule_of(graph, *node);
    if (rule.int16) continue;
    for (size_t i : rule.activations) found.emplace(node->input(i), node.get());
    for (const Value* v : node->outputs) found.emplace(v, node.get());
  }
  return found;
}

// Sets Value::codes; returns a sentence for every request that was denied.
std::vector<std::string> assign_codes(Graph& graph, const std::vector<Int16Request>& requests) {
  if (requests.empty()) return assign_int16(graph, {});
  std::vector<std::string> denied;
  const auto consumers = graph.consumers();
  for (const Int16Request& request : requests) {
    std::vector<std::string> known;
    for (const auto& node : graph.nodes()) known.push_back(node->op);
    if (request.op.empty() || std::find(known.begin(), known.end(), request.op) != known.end()) continue;
    denied.push_back(fmt::format("optimization: the model has no node of type '{}'.{}", request.op,
                                 suggestion(request.op, known)));
  }
  std::unordered_set<const Value*> wanted;
  for (const auto& node : graph.nodes())
    for (const Int16Request& request : requests) {
      if (!(request.node.empty() ? request.op.empty() || request.op == node->op : request.node == node->name))
        continue;
      if (!node->int8) {
        if (!request.node.empty())
          denied.push_back(fmt::format("{} cannot be int16: {}", node->describe(), node->reason));
        continue;
      }
      const QuantRule rule = rule_of(graph, *node);
      if (request.inputs)
        for (size_t i : rule.activations)
          if (request.input < 0 || request.input == static_cast<int>(i)) wanted.insert(node->input(i));
      if (!request.outputs) continue;
      const Node* next =
          rule.kind == QuantKind::compute ? compiler::fusable_activation(*node, consumers, graph) : nullptr;
      for (const Value* v : next && next->int8 ? next->outputs : node->outputs) wanted.insert(v);
    }
  for (std::string& sentence : assign_int16(graph, wanted)) denied.push_back(std::move(sentence));
  return denied;
}
}  // namespace

std::vector<std::string> assign_int16(Graph& graph, const std::unordered_set<const Value*>& wanted) {
  for (const auto& v : graph.values()) v->codes = DType::i8;
  std::vector<std::string> denied;
  // Values that share a scale share the type: they are known by their source.
  std::unordered_map<const Value*, const Value*> source;
  const auto source_of = [&](const Value* v) {
    const auto it = source.find(v);
    return it == source.end() ? v : it->second;
  };
  const auto list = int8_values(graph);  // in topological order
  for (const Value* v : list)
    if (shares_scale(graph, *v)) source[v] = source_of(v->producer->input(0));
  std::unordered_set<const Value*> wanted_sources;
  for (const Value* v : list)
    if (wanted.count(v)) wanted_sources.insert(source_of(v));
  const auto int8_only = int8_only_values(graph);
  std::unordered_map<const Value*, const Node*> blocked;
  for (const Value* v : list)
    if (const auto it = int8_only.find(v); it != int8_only.end()) blocked.emplace(source_of(v), it->second);
  for (Value* v : list) {
    if (!wanted_sources.count(source_of(v))) continue;
    if (const auto it = blocked.find(source_of(v)); it == blocked.end())
      v->codes = DType::i16;
    else if (wanted.count(v))
      denied.push_back(
          fmt::format("tensor '{}' stays int8: {} takes no int16", v->name, it->second->describe()));
  }
  return denied;
}

namespace {
// The limits of the march that keep the node out of the integer engine, as a reason.
std::string broken_limits(const Graph& graph, const Node& node, const Choice& choice,
                          const graph::Consumers& consumers) {
  if (!choice.march) return "";
  const auto broken =
      march::violations(*choice.march, ops::op_of(node, graph.opset).limits, {graph, consumers, node});
  return march::reason_of(*choice.march, node, broken);
}
}  // namespace

std::vector<std::string> assign_precision(Graph& graph, const Choice& choice) {
  const auto on_cpu = named_nodes(graph, choice.run_on_cpu, "run_on_cpu");
  auto on_bpu = named_nodes(graph, choice.run_on_bpu, "run_on_bpu");
  std::vector<std::string> for_int16;
  for (const Int16Request& request : choice.int16)
    if (!request.node.empty()) for_int16.push_back(request.node);
  for (const Node* node : named_nodes(graph, for_int16, "node_info"))
    if (rule_of(graph, *node).int16) on_bpu.insert(node);
  const auto consumers = graph.consumers();
  auto to_float = [](Node& node, std::string reason) {
    node.int8 = false;
    node.reason = std::move(reason);
  };
  for (const auto& node : graph.nodes()) {
    const QuantRule rule = rule_of(graph, *node);
    if (rule.kind == QuantKind::compute) check_weights(*node);
    node->int8 = true;
    node->reason.clear();
    if (rule.kind == QuantKind::none)
      to_float(*node, rule.reason);
    else if (!has_float_data(*node, rule))
      to_float(*node, "its data is not float");
    else if (on_cpu.count(node.get()))
      to_float(*node, "run_on_cpu asks for it");
    else if (auto broken = broken_limits(graph, *node, choice, consumers); !broken.empty())
      to_float(*node, std::move(broken));
    else if (rule.on_request && !on_bpu.count(node.get()))
      to_float(*node, rule.reason);
    else if (rule.kind == QuantKind::arithmetic || rule.kind == QuantKind::concat)
      if (auto what = unfit_constant(*node, [](float v) { return !(std::fabs(v) <= kLargestValue); });
          !what.empty())
        to_float(*node, what + ", which int8 cannot express");
  }
  // Behind the last convolution int8 only costs accuracy: what feeds none stays in float.
  std::unordered_set<const Node*> leads_to_compute;
  for (auto it = graph.nodes().rbegin(); it != graph.nodes().rend(); ++it) {
    Node& node = **it;
    bool leads = rule_of(graph, node).kind == QuantKind::compute && node.int8;
    for (const Value* v : node.outputs)
      if (const auto c = consumers.find(v); c != consumers.end())
        for (const Node* user : c->second) leads = leads || leads_to_compute.count(user);
    if (leads)
      leads_to_compute.insert(&node);
    else if (node.int8 && !on_bpu.count(&node))
      to_float(
          node,
          "no convolution or matrix product follows it, and float keeps the accuracy; run_on_bpu forces it");
  }
  // Between float neighbours int8 only adds conversions.
  for (bool changed = true; changed;) {
    changed = false;
    for (const auto& node : graph.nodes()) {
      const QuantRule rule = rule_of(graph, *node);
      if (!node->int8 || rule.kind == QuantKind::compute || on_bpu.count(node.get())) continue;
      const bool fed = std::all_of(rule.activations.begin(), rule.activations.end(), [&](size_t i) {
        const Value* v = node->input(i);
        return !v->producer || v->producer->int8;
      });
      bool read = true;
      for (const Value* v : node->outputs) {
        read = read && !graph.is_output(v);
        if (const auto c = consumers.find(v); c != consumers.end())
          for (const Node* user : c->second) read = read && user->int8;
      }
      if (!fed && !read) {
        to_float(*node, "the operators around it run in float");
        changed = true;
      }
    }
  }
  if (!choice.march || march::takes_int16(*choice.march)) return assign_codes(graph, choice.int16);
  assign_codes(graph, {});
  if (choice.int16.empty()) return {};
  return {fmt::format("march {} has no int16: everything stays int8", march::name_of(*choice.march))};
}

std::vector<Value*> values_to_calibrate(const Graph& graph) {
  std::vector<Value*> list = int8_values(graph);
  std::erase_if(list, [&](const Value* v) { return shares_scale(graph, *v) || prescribed(graph, *v); });
  for (const auto& v : graph.values())
    if (v->observed && std::ranges::find(list, v.get()) == list.end()) list.push_back(v.get());
  return list;
}

QuantParams quant_of_range(calibration::ClipRange range) {
  const float lo = std::min(range.lo, 0.0f), hi = std::max(range.hi, 0.0f);
  constexpr float kLeastScale = 1e-12f;
  // Nearly centred: a zero point of 0 costs at most a few percent of the range.
  if (lo < 0 && std::max(hi, -lo) * 2 < (hi - lo) * 1.05f)
    return {{std::max(std::max(hi, -lo) / 127.0f, kLeastScale)}, {0}, -1};
  const float scale = std::max((hi - lo) / 255.0f, kLeastScale);
  const auto zero = static_cast<int32_t>(std::clamp(std::nearbyint(-128.0f - lo / scale), -128.0f, 127.0f));
  return {{scale}, {zero}, -1};
}

QuantParams int16_of_range(calibration::ClipRange range) {
  constexpr float kLeastScale = 1e-12f;
  return {{std::max(std::max(range.hi, -range.lo) / 32767.0f, kLeastScale)}, {0}, -1};
}

void apply_ranges(Graph& graph, const std::vector<std::string>& pictures,
                  const std::function<calibration::ClipRange(const Value&)>& range_of) {
  for (const auto& v : graph.values()) v->quant.reset();
  const auto list = int8_values(graph);  // in topological order: sources come first
  for (Value* v : list) {
    if (!v->producer && std::find(pictures.begin(), pictures.end(), v->name) != pictures.end()) {
      v->codes = DType::i8;
      v->quant = QuantParams{{1.0f}, {0}, -1};
      v->range_lo = -128, v->range_hi = 127;
    } else if (const auto fixed = prescribed(graph, *v)) {
      const auto [lowest, highest] = compiler::code_range(DType::i8);
      const auto zero = static_cast<float>(fixed->zero_point());
      v->codes = DType::i8;
      v->quant = fixed;
      v->range_lo = (lowest - zero) * fixed->scale(), v->range_hi = (highest - zero) * fixed->scale();
    } else if (shares_scale(graph, *v) && v->producer->input(0)->quant) {
      const Value* source = v->producer->input(0);
      v->codes = source->codes;
      v->quant = source->quant;
      v->range_lo = source->range_lo, v->range_hi = source->range_hi;
    } else {
      const calibration::ClipRange range = range_of(*v);
      if (!(range.lo >= -kLargestValue && range.hi <= kLargestValue))
        fail(ErrorCode::quantize_failed,
             "tensor '{}' reaches from {} to {}, which int8 cannot express; check the calibration data and "
             "the "
             "pre-processing, or keep its nodes in float with run_on_cpu",
             v->name, range.lo, range.hi);
      v->quant = v->codes == DType::i16 ? int16_of_range(range) : quant_of_range(range);
      v->range_lo = range.lo, v->range_hi = range.hi;
    }
  }
}

bool demote_overflowing(Graph& graph) {
  bool changed = false;
  for (const auto& node : graph.nodes()) {
    const QuantRule rule = rule_of(graph, *node);
    if (!node->int8 || rule.kind != QuantKind::compute || !node->input(0)->quant) continue;
    const Tensor& weights = *node->input(1)->constant;
    const QuantParams& x = *node->input(0)->quant;
    const Tensor* bias = node->input(2) ? node->input(2)->constant.get() : nullptr;
    const DType codes = node->input(0)->codes;
    const auto integer =
        quantize::quantize_weights(weights, rule.weight_axis, bias, x.scale(), codes,
                                   node->input(1)->quant ? &*node->input(1)->quant : nullptr);
    if (quantize::accumulator_fits(integer, weights.shape(), rule.weight_axis, x.zero_point(), codes))
      continue;
    node->int8 = false;
    node->reason = fmt::format("its {} accumulator could overflow", codes == DType::i16 ? "int64" : "int32");
    changed = true;
  }
  return changed;
}

}  // namespace openhb::precision
