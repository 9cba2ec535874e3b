// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "host/compiler/lowering.h"
#include "host/ops/operator.h"
#include "host/precision/assign.h"
#include "host/quantize/file_params.h"
#include "host/quantize/restore.h"

namespace openhb::quantize {
namespace {

using graph::Graph;
using graph::Node;
using graph::Value;
using Entry = LoadedParams::Entry;

// One HzCalibration node as it stands in the file.
struct Mark {
  std::string node;
  std::vector<float> scales, thresholds, calibrated;
  std::vector<int32_t> zero_points;  // of int8 codes, or 0
  int64_t axis = 1;
  DType written = DType::i8, wanted = DType::i8;  // codes that zero point and qtype speak of

  bool operator==(const Mark& other) const {
    return scales == other.scales && thresholds == other.thresholds && zero_points == other.zero_points &&
           wanted == other.wanted;
  }
};

std::vector<int32_t> zero_points(const Node& node, DType& codes) {
  const auto list = integers(node.input(2));
  const DType type = node.input(2)->dtype;
  if (!list || (type != DType::u8 && type != DType::i8 && type != DType::i16))
    fail(ErrorCode::model_bad_value, "{}: its zero point must be a constant of uint8, int8 or int16",
         node.describe());
  codes = type == DType::i16 ? DType::i16 : DType::i8;
  std::vector<int32_t> zeros;
  for (const int64_t z : *list) zeros.push_back(static_cast<int32_t>(type == DType::u8 ? z - 128 : z));
  if (codes == DType::i16 && std::ranges::any_of(zeros, [](int32_t z) { return z != 0; }))
    fail(ErrorCode::model_bad_value, "{}: the zero point of int16 must be 0", node.describe());
  return zeros;
}

bool positive(const std::vector<float>& list) {
  return std::ranges::all_of(list, [](float v) { return v > 0 && std::isfinite(v); });
}

Mark read_mark(const Node& node) {
  Mark mark;
  mark.node = node.describe();
  if (node.inputs.size() != 3 || !node.input(0) || !node.input(1) || !node.input(2) ||
      node.outputs.size() != 1)
    fail(ErrorCode::model_structure, "{} needs the inputs x, scale and zero_point", mark.node);
  const auto scales = floats(node.input(1));
  if (!scales || scales->empty() || !positive(*scales))
    fail(ErrorCode::model_bad_value, "{}: its scales must be constant, positive and finite", mark.node);
  mark.scales = *scales;
  mark.zero_points = zero_points(node, mark.written);
  mark.axis = node.attr_int("axis", 1);
  mark.thresholds = node.attr_floats("thresholds", {});
  mark.calibrated = node.attr_floats("calibrated", {});
  if (mark.zero_points.size() != mark.scales.size() ||
      (!mark.thresholds.empty() && mark.thresholds.size() != mark.scales.size()))
    fail(ErrorCode::model_bad_value,
         "{}: {} scales, {} zero points and {} thresholds; as many of each are needed", mark.node,
         mark.scales.size(), mark.zero_points.size(), mark.thresholds.size());
  const std::string qtype = node.attr_string("qtype", mark.written == DType::i16 ? "int16" : "int8");
  if (qtype != "int8" && qtype != "int16")
    fail(ErrorCode::model_bad_value, "{}: its qtype is '{}', expected int8 or int16", mark.node, qtype);
  mark.wanted = qtype == "int16" ? DType::i16 : DType::i8;
  return mark;
}

// Weights: what was edited, scales or thresholds, counts.
Entry weights_entry(const Mark& mark, const Value& weights, const Warn& warn) {
  const auto axis = static_cast<size_t>(mark.axis);
  if (mark.axis < 0 || axis >= weights.shape.size() ||
      weights.shape[axis] != static_cast<int64_t>(mark.scales.size()))
    fail(ErrorCode::model_bad_value, "{}: {} scales for weights {} along axis {}", mark.node,
         mark.scales.size(), to_string(weights.shape), mark.axis);
  if (mark.wanted != DType::i8 || std::ranges::any_of(mark.zero_points, [](int32_t z) { return z != 0; }))
    fail(ErrorCode::model_bad_value, "{}: weights are int8 with zero point 0", mark.node);
  Entry entry{{mark.scales, mark.zero_points, static_cast<int32_t>(mark.axis)}, DType::i8};
  if (mark.calibrated.size() != mark.scales.size() || mark.thresholds.empty()) return entry;
  bool both = false;
  for (size_t c = 0; c < mark.scales.size(); ++c) {
    if (mark.thresholds[c] == mark.calibrated[c] * 127.0f) continue;
    if (!(mark.thresholds[c] > 0) || !std::isfinite(mark.thresholds[c]))
      fail(ErrorCode::model_bad_value, "{}: threshold {} is {}, expected a positive number", mark.node, c,
           mark.thresholds[c]);
    if (mark.scales[c] != mark.calibrated[c])
      both = true;
    else
      entry.quant.scales[c] = mark.thresholds[c] / 127.0f;
  }
  if (both)
    warn(fmt::format("{}: scale and threshold of a channel were both edited; the scale counts", mark.node));
  return entry;
}

class Reader {
 public:
  Reader(Graph& graph, const Notes& notes, const std::vector<std::string>& pictures, const Warn& warn)
      : graph_(graph), notes_(notes), pictures_(pictures), warn_(warn) {}

  void run() {
    std::vector<Node*> markers;
    for (const auto& node : graph_.nodes())
      if (node->op == "HzCalibration" && node->domain == "horizon") markers.push_back(node.get());
    for (Node* marker : markers) take(*marker);
    graph_.remove_dead();
    ops::infer_shapes(graph_);
    place_nodes(graph_, notes_);
    require_marks();
    std::unordered_set<const Value*> wide;
    for (const auto& [name, mark] : marks_)
      if (const Value* v = graph_.find_value(name); v && !v->is_constant() && mark.wanted == DType::i16)
        wide.insert(v);
    for (const std::string& denied : precision::assign_int16(graph_, wide)) warn_(denied);
    for (const auto& [name, mark] : marks_) store(name, mark);
    annotate(graph_, notes_, std::move(stored_), warn_);
  }

 private:
  // The marker goes; what it said is kept by the name of the value.
  void take(Node& marker) {
    const Mark mark = read_mark(marker);
    Value *x = marker.inputs[0], *y = marker.outputs[0];
    for (const auto& node : graph_.nodes())
      for (size_t i = 0; i < node->inputs.size(); ++i)
        if (node->inputs[i] == y) marked_inputs_.emplace(node->name, i);
    Value* kept = x;
    if (graph_.is_output(y)) {  // keeps its name
      Node* producer = x->producer;
      if (!producer || graph_.is_output(x))
        fail(ErrorCode::model_structure,
             "{}: its result '{}' is an output of the model, which its input cannot be", mark.node, y->name);
      graph_.remove_node(&marker);
      std::ranges::replace(producer->outputs, x, y);
      y->producer = producer;
      graph_.replace_uses(x, y);
      kept = y;
    } else {
      graph_.remove_node(&marker);
      if (const auto known = marks_.find(x->name);
          x->is_constant() && known != marks_.end() && !(known->second == mark)) {
        kept = graph_.add_value(x->name, x->dtype, x->shape);  // the same weights with scales of their own
        kept->constant = x->constant;
      }
      graph_.replace_uses(y, kept);
    }
    const auto [known, fresh] = marks_.emplace(kept->name, mark);
    if (!fresh && !(known->second == mark))
      fail(ErrorCode::model_bad_value, "{} and {} give '{}' different parameters", known->second.node,
           mark.node, kept->name);
  }

  // Integer nodes whose operands are not calibrated become float.
  void require_marks() {
    const auto consumers = graph_.consumers();
    std::unordered_set<const Value*> internal;  // between a sum of products and its activation
    for (const auto& node : graph_.nodes()) {
      if (!node->int8) continue;
      const ops::QuantRule rule = ops::op_of(*node, graph_.opset).quant(*node);
      const bool compute = rule.kind == ops::QuantKind::compute;
      for (const size_t i : rule.activations) integer_.insert(node->input(i));
      integer_.insert(node->outputs.begin(), node->outputs.end());
      if (compute) weights_[node->input(1)] = rule.weight_axis;
      const Value* missing = nullptr;
      for (const size_t i : rule.activations)
        if (!node->input(i)->is_constant() && !internal.contains(node->input(i)) &&
            !marked_inputs_.contains({node->name, i}))
          missing = node->input(i);
      if (compute && !marked_inputs_.contains({node->name, 1})) missing = node->input(1);
      if (missing) {
        node->int8 = false;
        node->reason = fmt::format("no HzCalibration stands before its input '{}'", missing->name);
      } else if (compute && compiler::fusable_activation(*node, consumers, graph_)) {
        internal.insert(node->outputs[0]);
      }
    }
  }

  // The parameters that the value's own operator prescribes, or pictures have.
  std::optional<QuantParams> prescribed(const Value& v) const {
    if (!v.producer && std::ranges::find(pictures_, v.name) != pictures_.end())
      return QuantParams{{1.0f}, {0}, -1};
    if (!v.producer || !v.producer->int8) return std::nullopt;
    return ops::op_of(*v.producer, graph_.opset).quant(*v.producer).output;
  }

  void store(const std::string& name, const Mark& mark) {
    const Value* v = graph_.find_value(name);
    if (!v) return;
    Entry& entry = stored_.params.values[name];
    if (const auto axis = weights_.find(v); axis != weights_.end()) {
      if (mark.axis != axis->second)
        fail(ErrorCode::model_bad_value, "{}: its axis is {}, but the channels of '{}' are along axis {}",
             mark.node, mark.axis, name, axis->second);
      entry = weights_entry(mark, *v, warn_);
      return;
    }
    if (mark.scales.size() != 1)
      fail(ErrorCode::model_bad_value, "{}: '{}' has {} scales, expected one", mark.node, name,
           mark.scales.size());
    if (v->is_constant()) {
      entry = {{mark.scales, mark.zero_points, -1}, mark.written};
    } else if (integer_.contains(v)) {
      entry = activation_entry(*v, mark);
    } else {
      stored_.params.values.erase(name);
      warn_(fmt::format("{} has no effect: no node that runs in integers writes or reads '{}'", mark.node,
                        name));
    }
  }

  Entry activation_entry(const Value& v, const Mark& mark) {
    const Entry as_written{{mark.scales, mark.zero_points, -1}, mark.written};
    const float scale = mark.scales[0];
    const auto zero = static_cast<float>(mark.zero_points[0]);
    const auto [least, most] = compiler::code_range(mark.written);
    calibration::ClipRange range{(least - zero) * scale, (most - zero) * scale};
    bool edited = true, rescale = false;
    if (mark.calibrated.size() == 4) {
      const calibration::ClipRange chosen{mark.calibrated[0], mark.calibrated[1]};
      const float threshold = std::max(-chosen.lo, chosen.hi);
      edited = scale != mark.calibrated[2] || zero != mark.calibrated[3];
      rescale = !mark.thresholds.empty() && mark.thresholds[0] != threshold;
      if (edited && rescale)
        warn_(fmt::format("{}: scale and threshold were both edited; the scale counts", mark.node));
      rescale = rescale && !edited;
      if (!edited) range = rescale ? moved(chosen, threshold, mark) : chosen;
    }
    if (const auto fixed = prescribed(v)) {
      if (edited || rescale)
        if (!(*fixed == as_written.quant) || rescale)
          warn_(fmt::format("{}: '{}' always has the scale {} and the zero point {}; the edit has no effect",
                            mark.node, v.name, fixed->scale(), fixed->zero_point()));
      if (!rescale && !edited) stored_.ranges[v.name] = {range.lo, range.hi};
      return {*fixed, DType::i8};
    }
    if (!edited || rescale) stored_.ranges[v.name] = {range.lo, range.hi};
    if (!rescale && v.codes == mark.written) return as_written;
    return {v.codes == DType::i16 ? precision::int16_of_range(range) : precision::quant_of_range(range),
            v.codes};
  }

  // The end (or both) that made the threshold moves with it; the other one stays inside of it.
  static calibration::ClipRange moved(calibration::ClipRange range, float was, const Mark& mark) {
    const float now = mark.thresholds[0];
    if (!(now > 0) || !std::isfinite(now))
      fail(ErrorCode::model_bad_value, "{}: its threshold is {}, expected a positive number", mark.node, now);
    return {-range.lo == was ? -now : std::max(range.lo, -now),
            range.hi == was ? now : std::min(range.hi, now)};
  }

  Graph& graph_;
  const Notes& notes_;
  const std::vector<std::string>& pictures_;
  const Warn& warn_;
  std::map<std::string, Mark> marks_;                       // by name of the value
  std::set<std::pair<std::string, size_t>> marked_inputs_;  // node and input that read a calibrated value
  std::unordered_set<const Value*> integer_;                // what integer nodes write or read
  std::unordered_map<const Value*, int> weights_;  // what they multiply with, and its axis of channels
  Stored stored_;
};

}  // namespace

void restore_calibrated(Graph& graph, const Notes& notes, const std::vector<std::string>& pictures,
                        const Warn& warn) {
  Reader(graph, notes, pictures, warn).run();
}

}  // namespace openhb::quantize
