// SPDX-License-Identifier: Apache-2.0
#include "host/verify/stages/culprits.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include "common/io/interrupt.h"
#include "host/ops/operator.h"
#include "host/verify/stages/advice.h"

namespace openhb::verify {
namespace {

constexpr size_t kCandidates = 16, kLosses = 6;
// A culprit has this share of all noise that tensors add, and of the noise at the end, which vanishes with
// it. Rounding errors are random: without one of them another one may cancel less. So a tensor that adds
// little must matter much, on several samples, to be named.
constexpr double kShareOfCulprit = 0.1, kLargeShare = 0.3;
constexpr size_t kTries = 4;

struct Candidate {
  size_t row = 0;
  Similarity before, after;
  double own = 0;  // noise that its inputs do not have
  double gain = 0;
};

// What a tensor is made of, among the rows that this stage has; nodes between are passed through.
class Inputs {
 public:
  Inputs(const Place& place, std::function<Similarity(const Likeness&)> pick)
      : place_(place), pick_(std::move(pick)) {
    for (size_t i = 0; i < place.survey.rows.size(); ++i) index_[place.survey.rows[i].value] = i;
  }
  std::optional<Similarity> at(size_t row) const {
    const auto& cell = place_.survey.rows[row].cells[place_.stage][place_.worst.sample];
    if (!cell) return std::nullopt;
    return pick_(*cell);
  }
  // Of the input that is least like it.
  Similarity before(const graph::Value& value) const {
    Similarity worst;
    if (!value.producer) return worst;
    for (const graph::Value* in : value.producer->inputs) {
      if (!in || in->is_constant()) continue;
      const auto row = index_.find(in);
      const auto own = row == index_.end() ? std::nullopt : at(row->second);
      const Similarity s = own ? *own : before(*in);
      if (s.noise > worst.noise) worst = s;
    }
    return worst;
  }
  // Tensors that the end depends on, those first that lose most by themselves.
  std::vector<Candidate> candidates() const {
    std::set<const graph::Value*> reached;
    std::vector<const graph::Value*> open{place_.survey.rows[place_.worst.row].value};
    while (!open.empty()) {
      const graph::Value* v = open.back();
      open.pop_back();
      if (!reached.insert(v).second || !v->producer) continue;
      for (const graph::Value* in : v->producer->inputs)
        if (in && !in->is_constant()) open.push_back(in);
    }
    std::vector<Candidate> list;
    for (size_t i = 0; i < place_.survey.rows.size(); ++i) {
      const auto after = reached.contains(place_.survey.rows[i].value) ? at(i) : std::nullopt;
      if (!after) continue;
      const Similarity from = before(*place_.survey.rows[i].value);
      if (after->noise > from.noise) list.push_back({i, from, *after, after->noise - from.noise, 0});
    }
    std::ranges::sort(list, [](const Candidate& a, const Candidate& b) {
      return std::pair(-a.own, a.row) < std::pair(-b.own, b.row);
    });
    return list;
  }

 private:
  const Place& place_;
  std::function<Similarity(const Likeness&)> pick_;
  std::unordered_map<const graph::Value*, size_t> index_;
};

Similarity with_float(const Likeness& l) { return l.with_float; }
Similarity with_before(const Likeness& l) { return l.with_before; }

Loss loss_at(const Place& place, const Candidate& c) {
  const graph::Value& v = *place.survey.rows[c.row].value;
  Loss loss;
  loss.stage = place.dumps[place.stage + 1].name;
  loss.tensor = v.name;
  if (v.producer) loss.node = v.producer->name, loss.op = v.producer->op;
  loss.before = c.before.cosine, loss.after = c.after.cosine;
  loss.sample = place.worst.sample;
  return loss;
}

std::string percent(double share) {
  return share > 0 && share < 1e-5 ? "less than 0.001 %" : fmt::format("{:.3g} %", 100 * share);
}

// ---- codes ----

// The model with a tensor's own error taken away.
Trial::Change repaired(const graph::Value& v, float lo, float hi, bool codes, bool weights) {
  return [&v, lo, hi, codes, weights](graph::Graph& g) {
    if (weights) set_float(g, v.name);
    if (codes) set_fine_codes(g, v.name, lo, hi);
  };
}

std::pair<float, float> range_of(std::span<const float> values) {
  float lo = 0, hi = 0;
  for (const float x : values)
    if (std::isfinite(x)) lo = std::min(lo, x), hi = std::max(hi, x);
  return {lo, std::max(hi, lo + 1e-12f)};
}

class CodeSearch {
 public:
  explicit CodeSearch(const Place& place)
      : place_(place),
        floats_(place.dumps[0].folders[place.worst.sample]),
        stage_(place.dumps[place.stage + 1].folders[place.worst.sample]),
        end_(place.survey.rows[place.worst.row].value->name),
        now_(place.worst.likeness.with_float),
        inputs_(place, with_float) {
    std::vector<std::string> folders;
    double noise = 0;
    for (const size_t sample : tried()) {
      folders.push_back(place.dumps[0].folders[sample]);
      noise += place.survey.rows[place.worst.row].cells[place.stage][sample]->with_float.noise;
    }
    tries_ = folders.size();
    now_.noise = noise / static_cast<double>(tries_);
    trial_ = Trial::make(place.network, folders, end_);
    if (!trial_) return;
    // What is tried must be what was found.
    const Similarity again = trial_->run([](graph::Graph&) {});
    if (std::fabs(again.noise - now_.noise) > 0.2 * now_.noise)
      trial_.reset();
    else
      now_ = again;
  }

  std::vector<Loss> run(double& all_repaired) {
    std::vector<Candidate> list = inputs_.candidates();
    double own = 0;
    for (const Candidate& c : list) own += c.own;
    const auto losing = static_cast<size_t>(
        std::ranges::count_if(list, [&](const Candidate& c) { return c.own > 0.01 * own; }));
    if (list.size() > kCandidates) list.resize(kCandidates);
    for (Candidate& c : list) c.gain = gain(c, true, true);
    std::ranges::sort(list, [](const Candidate& a, const Candidate& b) {
      return std::pair(-a.gain, a.row) < std::pair(-b.gain, b.row);
    });
    std::vector<Candidate> culprits;
    for (const Candidate& c : list)
      if (c.gain >= kShareOfCulprit &&
          (c.own >= kShareOfCulprit * own || (c.gain >= kLargeShare && tries_ >= kTries)) &&
          culprits.size() < kLosses)
        culprits.push_back(c);
    all_repaired = now_.cosine;
    if (culprits.empty()) return {nobody(list, losing)};
    std::vector<Loss> losses;
    for (const Candidate& c : culprits) losses.push_back(explained(c));
    if (trial_)
      all_repaired = trial_
                         ->run([&](graph::Graph& g) {
                           for (const Candidate& c : culprits) repair(c, true, true)(g);
                         })
                         .cosine;
    return losses;
  }

 private:
  // The worst samples, the worst one first.
  std::vector<size_t> tried() const {
    const auto& cells = place_.survey.rows[place_.worst.row].cells[place_.stage];
    std::vector<size_t> list;
    for (size_t s = 0; s < cells.size(); ++s)
      if (cells[s]) list.push_back(s);
    std::ranges::sort(list, {}, [&](size_t s) { return std::pair(-cells[s]->with_float.noise, s); });
    if (list.size() > kTries) list.resize(kTries);
    // Of samples that the network takes well nothing can be learnt about the others.
    const double most = cells[list.at(0)]->with_float.noise;
    std::erase_if(list, [&](size_t s) { return cells[s]->with_float.noise < 0.1 * most; });
    return list;
  }

  std::vector<float> floats(const graph::Value& v) const {
    const DumpedTensor* t = floats_.find(v.name);
    auto values = t ? real_values(*t) : std::nullopt;
    if (!values) return {};
    const std::vector<float> own = stage(v);
    return scaled_like(place_.network, v, std::move(*values), own);
  }
  std::vector<float> stage(const graph::Value& v) const {
    const DumpedTensor* t = stage_.find(v.name);
    return (t ? real_values(*t) : std::nullopt).value_or(std::vector<float>{});
  }

  Trial::Change repair(const Candidate& c, bool codes, bool weights) const {
    const graph::Value& v = *place_.survey.rows[c.row].value;
    const auto [lo, hi] = range_of(floats(v));
    return repaired(v, std::min(lo, v.range_lo), std::max(hi, v.range_hi), codes, weights);
  }

  // The share of the noise at the end that vanishes with this tensor's own.
  double gain(const Candidate& c, bool codes, bool weights) const {
    if (!trial_) return std::min(c.own / now_.noise, 1.0);
    return 1 - trial_->run(repair(c, codes, weights)).noise / now_.noise;
  }

  Loss explained(const Candidate& c) {
    const graph::Value& v = *place_.survey.rows[c.row].value;
    Loss loss = loss_at(place_, c);
    std::vector<float> values = floats(v);
    Patient patient{place_.network, v, {}, Cause::resolution, trial_.get(), now_, end_, std::move(values)};
    const auto nodes = makers(place_.network.graph, v);
    const graph::Node* product = nullptr;
    for (const graph::Node* n : nodes)
      if (ops::op_of(*n, place_.network.graph.opset).quant(*n).kind == ops::QuantKind::compute) product = n;
    const auto weights =
        product ? std::optional(weight_facts(
                      *product, ops::op_of(*product, place_.network.graph.opset).quant(*product).weight_axis))
                : std::nullopt;
    if (v.quant && !patient.floats.empty()) patient.codes = code_facts(patient.floats, v);
    const double code_noise = patient.codes.clip_noise + patient.codes.round_noise;
    bool by_weights = weights && (!v.quant || weights->noise > code_noise);
    if (trial_ && weights && v.quant) by_weights = gain(c, false, true) > gain(c, true, false);
    if (by_weights) {
      const double shift = shift_share(stage(v), patient.floats, v.shape);
      patient.cause = shift > 0.5 ? Cause::shift : Cause::weights;
      loss.reason = weight_reason(*product, *weights, shift);
    } else if (v.quant) {
      loss.reason = code_reason(patient);
    } else {
      loss.reason = fmt::format("it runs in float and makes the errors of its inputs larger");
    }
    if (trial_ && c.gain > 0)
      loss.reason +=
          fmt::format("; {} of the error of '{}' comes from here", percent(std::min(c.gain, 1.0)), end_);
    loss.advice = advice_for(patient);
    return loss;
  }

  static std::string weight_reason(const graph::Node& node, const WeightFacts& f, double shift) {
    std::string text =
        fmt::format("weights: int8 changes those of '{}' by {} (relative L2; channel {} by {})", node.name,
                    percent(std::sqrt(f.noise)), f.worst_channel, percent(std::sqrt(f.worst_noise)));
    if (shift > 0.5)
      text += fmt::format(", and {} of the error is a shift of whole channels", percent(shift));
    return text;
  }

  static std::string code_reason(Patient& p) {
    const CodeFacts& f = p.codes;
    if (f.clip_noise > f.round_noise) {
      p.cause = Cause::clipping;
      return fmt::format(
          "clipping: {} of the values lie outside of [{:.4g}, {:.4g}], which its codes cover; they "
          "reach from {:.4g} to {:.4g}",
          percent(f.clipped), f.lo, f.hi, f.least, f.most);
    }
    const double share = static_cast<double>(f.core_hi - f.core_lo) / static_cast<double>(f.hi - f.lo);
    const auto codes = static_cast<double>(f.codes);
    if (share < 0.35) {
      p.cause = Cause::outliers;
      const bool unused = f.most < 0.7f * f.hi && f.least > 0.7f * f.lo;
      return fmt::format(
          "resolution: 99.9 % of the values lie in [{:.4g}, {:.4g}], which {:.0f} of {} codes are left "
          "for, because the codes cover [{:.4g}, {:.4g}]{}",
          f.core_lo, f.core_hi, std::max(1.0, share * codes), f.codes, f.lo, f.hi,
          unused ? ", far more than the values of this sample" : "");
    }
    if (f.channels < 0.2) {
      p.cause = Cause::channels;
      return fmt::format(
          "channels differ: the middle one of {} channels reaches {} of what the widest one does, so "
          "that half of them have fewer than {:.0f} codes",
          f.channel_count, percent(f.channels), std::ceil(f.channels * codes));
    }
    return fmt::format("resolution: the standard deviation of its values is {:.3g} steps of its codes",
                       f.deviation);
  }

  // Errors that add up.
  Loss nobody(const std::vector<Candidate>& list, size_t losing) {
    const graph::Value& end = *place_.survey.rows[place_.worst.row].value;
    Loss loss;
    loss.stage = place_.dumps[place_.stage + 1].name;
    loss.tensor = end_;
    loss.after = now_.cosine, loss.sample = place_.worst.sample;
    loss.reason = fmt::format(
        "many small errors add up, no single node is to blame ({} tensors lose by themselves", losing);
    if (!list.empty()) {
      const graph::Value& v = *place_.survey.rows[list[0].row].value;
      loss.reason +=
          fmt::format("; the largest part, {} of the error of '{}', comes from '{}'",
                      percent(std::max(list[0].gain, 0.0)), end.name, v.producer ? v.producer->name : v.name);
    }
    loss.reason += ")";
    loss.advice = advice_for_all(place_.network, trial_.get(), now_, end_);
    return loss;
  }

  const Place& place_;
  StageSample floats_, stage_;
  std::string end_;
  Similarity now_;
  Inputs inputs_;
  size_t tries_ = 1;
  std::unique_ptr<Trial> trial_;
};

// Largest difference of two tensors, and how many elements differ.
struct Apart {
  size_t differ = 0, total = 0, first = 0;
  double largest = 0;
};
Apart apart(const StageSample& a, const StageSample& b, const std::string& name) {
  Apart result;
  const DumpedTensor *x = a.find(name), *y = b.find(name);
  const auto left = x ? real_values(*x) : std::nullopt, right = y ? real_values(*y) : std::nullopt;
  if (!left || !right) return result;
  result.total = std::min(left->size(), right->size());
  for (size_t i = result.total; i-- > 0;) {
    if ((*left)[i] == (*right)[i] || (std::isnan((*left)[i]) && std::isnan((*right)[i]))) continue;
    ++result.differ, result.first = i;
    result.largest = std::max(result.largest,
                              std::fabs(static_cast<double>((*left)[i]) - static_cast<double>((*right)[i])));
  }
  return result;
}

}  // namespace

std::vector<Loss> lost_to_codes(const Place& place, double& repaired) {
  return CodeSearch(place).run(repaired);
}

std::vector<Loss> lost_to_integers(const Place& place) {
  const StageSample before(place.dumps[place.stage].folders[place.worst.sample]),
      now(place.dumps[place.stage + 1].folders[place.worst.sample]);
  std::vector<Loss> losses;
  for (const Candidate& c : Inputs(place, with_before).candidates()) {
    if (losses.size() == 3 || c.own < 0.1 * place.worst.likeness.with_before.noise) break;
    Loss loss = loss_at(place, c);
    const graph::Value& v = *place.survey.rows[c.row].value;
    const Apart d = apart(before, now, v.name);
    if (const auto edit = place.network.edited.find(v.name); edit != place.network.edited.end()) {
      loss.reason = edit->second;
      loss.advice = {
          "make the quantized model again from the calibrated one: hb_mapper makertbin --resume-from"};
    } else {
      loss.reason = fmt::format(
          "integer arithmetic: {} of the values differ from those of the calibrated model, by up "
          "to {:.4g}",
          percent(static_cast<double>(d.differ) / static_cast<double>(std::max<size_t>(d.total, 1))),
          d.largest);
      if (v.quant)
        loss.reason += fmt::format(", which is {:.3g} steps of the codes",
                                   d.largest / static_cast<double>(v.quant->scale()));
      std::vector<std::string> names;
      for (const graph::Node* node : makers(place.network.graph, v)) names.push_back(node->name);
      if (!names.empty()) loss.advice = {fmt::format("run_on_cpu: {}", fmt::join(names, ";"))};
      graph::Graph copy = place.network.graph.clone();
      if (v.producer && set_int16(copy, v.name, v.range_lo, v.range_hi))
        loss.advice.push_back(fmt::format("set_node_data_type: {}:int16", v.producer->name));
    }
    losses.push_back(std::move(loss));
  }
  return losses;
}

std::vector<Loss> lost_to_optimizer(const Place& place) {
  const StageSample before(place.dumps[place.stage].folders[place.worst.sample]),
      now(place.dumps[place.stage + 1].folders[place.worst.sample]);
  std::vector<Loss> losses;
  for (const Candidate& c : Inputs(place, with_float).candidates()) {
    if (losses.size() == 3 || c.own < 0.1 * place.worst.likeness.with_float.noise) break;
    Loss loss = loss_at(place, c);
    const Apart d = apart(before, now, loss.tensor);
    loss.reason = fmt::format(
        "folding and fusion should keep every result, but {} of {} values differ, by up to {:.4g}", d.differ,
        d.total, d.largest);
    loss.advice = {
        "make sure that both files are of one conversion; if they are, this is a defect of OpenHB or a "
        "result that "
        "depends on the last bits (a sum of very different magnitudes, a comparison)"};
    losses.push_back(std::move(loss));
  }
  return losses;
}

std::vector<Loss> lost_bits(const Place& place) {
  const StageSample before(place.dumps[place.stage].folders[place.worst.sample]),
      now(place.dumps[place.stage + 1].folders[place.worst.sample]);
  const DumpedTensor* first = nullptr;
  Apart found;
  size_t row = 0;
  for (size_t i = 0; i < place.survey.rows.size(); ++i) {
    check_interrupt();
    const std::string& name = place.survey.rows[i].value->name;
    const DumpedTensor* t = now.find(name);
    if (!t || (first && first->order <= t->order)) continue;
    const Apart d = apart(before, now, name);
    if (d.differ > 0) first = t, found = d, row = i;
  }
  if (!first) return {};
  const auto& cell = place.survey.rows[row].cells[place.stage][place.worst.sample];
  Candidate c{row, Inputs(place, with_float).before(*place.survey.rows[row].value), {}, 0, 0};
  if (cell) c.after = cell->with_float;
  Loss loss = loss_at(place, c);
  const DumpedTensor* other = before.find(loss.tensor);
  loss.reason = fmt::format(
      "these bits must be equal, but {} of {} values differ from stage {}, first in the order of "
      "execution at step '{}'{}",
      found.differ, found.total, place.dumps[place.stage].name, first->step,
      first->row.empty()
          ? ""
          : fmt::format(" (kernels {} and {})", other && !other->row.empty() ? other->row : "?", first->row));
  loss.advice = {
      "this is no matter of accuracy but a defect: run again with --bit-exact and report the reproducer",
      "OPENHB_ISA=ref on the side that differs tells whether a kernel of its CPU is to blame"};
  return {loss};
}

}  // namespace openhb::verify
