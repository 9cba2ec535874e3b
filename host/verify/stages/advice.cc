// SPDX-License-Identifier: Apache-2.0
#include "host/verify/stages/advice.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "host/ops/operator.h"
#include "host/precision/assign.h"
#include "host/precision/channel_ranges.h"

namespace openhb::verify {
namespace {

// What is worth trying, with what it brought.
class Prescriptions {
 public:
  Prescriptions(const Trial* trial, const Similarity& now, const std::string& end)
      : trial_(trial), now_(now), end_(end) {}

  // The likeness behind a change, or nothing without trials.
  std::optional<Similarity> likeness(const Trial::Change& change) const {
    if (!trial_) return std::nullopt;
    return trial_->run(change);
  }
  // Left out when it brings less than a tenth.
  void add(const std::string& text, const std::optional<Similarity>& then) {
    if (!then)
      put(now_.noise, text);
    else if (then->noise < 0.9 * now_.noise)
      put(then->noise, fmt::format("{} (tried: {})", text, effect(*then)));
  }
  void add(const std::string& text, const Trial::Change& change) { add(text, likeness(change)); }
  // Not to be tried here; behind everything that was.
  void add(const std::string& text) { put(now_.noise, text); }

  std::vector<std::string> best_first() && {
    std::ranges::sort(list_, {}, [](const Prescription& p) { return std::pair(p.noise, p.place); });
    std::vector<std::string> texts;
    for (Prescription& p : list_) texts.push_back(std::move(p.text));
    return texts;
  }

 private:
  std::string effect(const Similarity& then) const {
    if (std::fabs(then.cosine - now_.cosine) >= 1e-5)
      return fmt::format("the cosine of '{}' goes from {:.6f} to {:.6f}", end_, now_.cosine, then.cosine);
    return fmt::format("the relative error of '{}' goes from {:.3g} % to {:.3g} %", end_,
                       100 * now_.relative_l2(), 100 * then.relative_l2());
  }
  void put(double noise, std::string text) { list_.push_back({noise, list_.size(), std::move(text)}); }

  const Trial* trial_;
  Similarity now_;
  std::string end_;
  struct Prescription {
    double noise;
    size_t place;
    std::string text;
  };
  std::vector<Prescription> list_;
};

bool searches(const Network& network) {
  const std::string type = network.setting("calibration_type");
  return type == "default" || type == "mix";
}

bool has_word(const Network& network, const std::string& word) {
  const std::string all = "," + network.setting("optimization") + ",";
  return all.find(word) != std::string::npos;
}

// The range of all values but the share 1 - p at the ends.
std::pair<float, float> quantiles(std::vector<float> values, double p) {
  const auto n = static_cast<double>(values.size());
  const auto cut = static_cast<std::ptrdiff_t>((1 - p) / 2 * n);
  std::ranges::nth_element(values, values.begin() + cut);
  const float lo = values[static_cast<size_t>(cut)];
  std::ranges::nth_element(values, values.end() - 1 - cut);
  return {lo, *(values.end() - 1 - cut)};
}

std::string edit_text(const Patient& p, const QuantParams& quant) {
  return fmt::format(
      "cover [{:.5g}, {:.5g}]: in the calibrated model give '{}_HzCalibration' the scale {:.6g} and the zero "
      "point "
      "{}, and continue with --resume-from",
      static_cast<float>(-128 - quant.zero_point()) * quant.scale(),
      static_cast<float>(127 - quant.zero_point()) * quant.scale(), p.value.name, quant.scale(),
      quant.zero_point() + 128);
}

bool has_free_range(const Patient& p) {
  const graph::Node* node = p.value.producer;
  if (p.value.codes != DType::i8) return false;
  if (!node || !node->int8) return true;
  const auto rule = ops::op_of(*node, p.network.graph.opset).quant(*node);
  return !rule.output && rule.kind != ops::QuantKind::passive;
}

void wider_range(const Patient& p, Prescriptions& list) {
  const QuantParams quant = precision::quant_of_range(
      {std::min(p.codes.least, p.codes.clipped > 0 ? 0.0f : p.codes.lo), std::max(p.codes.most, 0.0f)});
  list.add(edit_text(p, quant), [&](graph::Graph& g) { set_codes(g, p.value.name, quant, DType::i8); });
  const std::string type = p.network.setting("calibration_type"),
                    percentile = p.network.setting("max_percentile");
  if (type == "load" || type == "skip") return;
  list.add("add samples such as this one to cal_data_dir: calibration chose the range from what it saw");
  if (type == "max" || type == "percentile") {
    if (percentile != "1") list.add(fmt::format("max_percentile nearer to 1 (now {})", percentile));
  } else {
    list.add(fmt::format("calibration_type: max, which clips nothing that it saw (now {})", type));
  }
}

void narrower_range(const Patient& p, Prescriptions& list) {
  struct Best {
    double p;
    QuantParams quant;
    std::optional<Similarity> then;
  };
  std::optional<Best> best;
  for (const double share : {0.9999, 0.999, 0.99}) {
    const auto [lo, hi] = quantiles(p.floats, share);
    const QuantParams quant = precision::quant_of_range({lo, hi});
    if (!(quant.scale() < 0.8f * p.value.quant->scale())) continue;
    auto then = list.likeness([&](graph::Graph& g) { set_codes(g, p.value.name, quant, DType::i8); });
    if (!best || (then && then->noise < best->then->noise)) best = {share, quant, std::move(then)};
    if (!p.trial) break;
  }
  if (!best) return;
  list.add(edit_text(p, best->quant), best->then);
  const std::string type = p.network.setting("calibration_type");
  if (type == "max" || type == "percentile")
    list.add(fmt::format("a lower max_percentile (now {}), or calibration_type: mse",
                         p.network.setting("max_percentile")));
}

void int16_codes(const Patient& p, Prescriptions& list) {
  std::string text;
  if (p.value.producer) {
    text = fmt::format("set_node_data_type: {}:int16", p.value.producer->name);
  } else {
    std::vector<std::string> readers;
    for (const auto& node : p.network.graph.nodes())
      if (node->int8 && std::ranges::find(node->inputs, &p.value) != node->inputs.end())
        readers.push_back(fmt::format("'{}': {{'ON': 'BPU', 'InputType': 'int16'}}", node->name));
    text = fmt::format("node_info: {{{}}}", fmt::join(readers, ", "));
  }
  graph::Graph copy = p.network.graph.clone();
  if (!set_int16(copy, p.value.name, p.codes.least, p.codes.most)) return;  // an operator does not take it
  list.add(text, [&](graph::Graph& g) { set_int16(g, p.value.name, p.codes.least, p.codes.most); });
}

void in_float(const Patient& p, Prescriptions& list) {
  std::vector<std::string> names;
  for (const graph::Node* node : makers(p.network.graph, p.value)) names.push_back(node->name);
  if (names.empty()) return;
  list.add(fmt::format("run_on_cpu: {}", fmt::join(names, ";")),
           [&](graph::Graph& g) { set_float(g, p.value.name); });
}

void channel_ranges(const Patient& p, Prescriptions& list) {
  if (p.network.setting("per_channel") == "True") return;
  const auto able = precision::values_with_channels(p.network.graph);
  if (std::ranges::find(able, &p.value) == able.end()) return;
  const std::string type = p.network.setting("calibration_type");
  if (type == "load" || type == "skip") return;
  list.add(
      searches(p.network)
          ? fmt::format(
                "per_channel: True together with calibration_type: max or mse (it has no effect with {})",
                type)
          : "per_channel: True");
}

void biases(const Patient& p, Prescriptions& list) {
  const std::string type = p.network.setting("calibration_type");
  if (searches(p.network) || type == "load" || type == "skip" || has_word(p.network, "bias_correction"))
    return;
  list.add("optimization: bias_correction");
}

}  // namespace

std::vector<std::string> advice_for(const Patient& p) {
  Prescriptions list(p.trial, p.now, p.end);
  if (p.cause == Cause::weights || p.cause == Cause::shift) {
    if (p.cause == Cause::shift) biases(p, list);
    in_float(p, list);
    int16_codes(p, list);
    if (p.cause == Cause::weights) biases(p, list);
    return std::move(list).best_first();
  }
  if (has_free_range(p) && !p.floats.empty()) {
    if (p.cause == Cause::clipping) wider_range(p, list);
    if (p.cause != Cause::clipping) narrower_range(p, list);
  }
  if (p.cause == Cause::channels) channel_ranges(p, list);
  int16_codes(p, list);
  in_float(p, list);
  return std::move(list).best_first();
}

std::vector<std::string> advice_for_part(const Network& network, const std::vector<std::string>& values,
                                         const Trial* trial, const Similarity& now, const std::string& end) {
  Prescriptions list(trial, now, end);
  const auto all_int16 = [&](graph::Graph& g) {
    std::vector<std::string> taken;
    for (const std::string& name : values) {
      const graph::Value* v = g.find_value(name);
      if (v && v->producer && set_int16(g, name, v->range_lo, v->range_hi))
        taken.push_back(v->producer->name);
    }
    return taken;
  };
  graph::Graph copy = network.graph.clone();
  if (const auto taken = all_int16(copy); !taken.empty())
    list.add(fmt::format("set_node_data_type: {}:int16", fmt::join(taken, ":int16;")),
             [&](graph::Graph& g) { all_int16(g); });
  std::vector<std::string> names;
  for (const std::string& name : values)
    for (const graph::Node* node : makers(network.graph, *network.graph.find_value(name)))
      names.push_back(node->name);
  if (!names.empty())
    list.add(fmt::format("run_on_cpu: {}", fmt::join(names, ";")), [&](graph::Graph& g) {
      for (const std::string& name : values) set_float(g, name);
    });
  return std::move(list).best_first();
}

std::vector<std::string> advice_for_all(const Network& network, const Trial* trial, const Similarity& now,
                                        const std::string& end) {
  Prescriptions list(trial, now, end);
  if (!has_word(network, "set_all_nodes_int16"))
    list.add("optimization: set_all_nodes_int16", [](graph::Graph& g) {
      std::vector<std::string> names;
      for (const auto& v : g.values())
        if (v->quant && !v->is_constant() && v->codes == DType::i8) names.push_back(v->name);
      for (const std::string& name : names) {
        const graph::Value& v = *g.find_value(name);
        set_int16(g, name, v.range_lo, v.range_hi);
      }
    });
  const std::string type = network.setting("calibration_type");
  if (type == "skip") {
    list.add("calibration_type: default with samples in cal_data_dir; skip is for measuring speed");
  } else if (type != "load") {
    if (!searches(network)) {
      list.add(fmt::format("calibration_type: default or mix, which compare several methods (now {})", type));
      if (!has_word(network, "bias_correction")) list.add("optimization: bias_correction");
    }
    if (type != "default" && !has_word(network, "asymmetric")) list.add("optimization: asymmetric");
    list.add("more samples of what the network will meet in cal_data_dir (20 to 100)");
  }
  return std::move(list).best_first();
}

}  // namespace openhb::verify
