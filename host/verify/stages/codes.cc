// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <map>

#include "host/ops/operator.h"
#include "host/verify/stages/advice.h"
#include "host/verify/stages/candidates.h"

namespace openhb::verify {
namespace {

constexpr size_t kLosses = 6, kParts = 2;  // reported: single nodes, neighbours
// A culprit has this share of all noise that tensors add, and of the noise at the end, which vanishes with
// it. Rounding errors are random: without one of them another one may cancel less. So a tensor that adds
// little must matter much, on several samples, to be named.
constexpr double kShareOfCulprit = 0.1, kLargeShare = 0.3;
constexpr size_t kTries = 3;
// Parts of the network that are tried first, and how often a part is divided.
constexpr size_t kFirstParts = 10, kDivisions = 10, kInto = 3;
// For the progress: trials of a loss and its advice, and all of them at most (nearly: few losses need more).
constexpr size_t kTrialsOfLoss = 6, kSearched = 1 + kFirstParts + kInto * kDivisions,
                 kMostTrials = kSearched + (kLosses + 1 + kParts + 1) * kTrialsOfLoss;

// Of all values, and of the codes.
std::pair<float, float> range_of(std::span<const float> values, const graph::Value& v) {
  float lo = std::min(v.range_lo, 0.0f), hi = std::max(v.range_hi, 0.0f);
  for (const float x : values)
    if (std::isfinite(x)) lo = std::min(lo, x), hi = std::max(hi, x);
  return {lo, std::max(hi, lo + 1e-12f)};
}

class CodeSearch {
 public:
  explicit CodeSearch(const Place& place)
      : place_(place),
        floats_(place.dumps[0], place.worst.sample),
        optimized_(place.dumps[place.dumps[1].name == "optimized" ? 1 : 0], place.worst.sample),
        stage_(place.dumps[place.stage + 1], place.worst.sample),
        end_(place.survey.rows[place.worst.row].value->name),
        now_(place.worst.likeness.with_float),
        inputs_(place, with_float) {
    std::vector<std::string> folders;
    for (const size_t sample : tried()) folders.push_back(place.dumps[0].folders[sample]);
    tries_ = folders.size();
    reach(0, kSearched);
    trial_ = Trial::make(place.network, folders, end_, [this] { reach(done_ + 1, until_); });
    if (!trial_) return;
    // What is tried must be what was found.
    const Similarity again = trial_->run([](graph::Graph&) {});
    if (std::fabs(again.cosine - now_.cosine) > 0.1 * (1 - now_.cosine) + 1e-4 ||
        again.noise < 0.1 * now_.noise)
      trial_.reset();
    else
      now_ = again;
  }

  std::vector<Loss> run(double& all_repaired) {
    all_repaired = now_.cosine;
    members_ = inputs_.all();
    std::erase_if(members_,
                  [&](const Candidate& c) { return !repairable(*place_.survey.rows[c.row].value); });
    std::vector<Loss> losses;
    if (members_.empty()) {
      losses.push_back(nobody());
      reach(kMostTrials, kMostTrials);
      return losses;
    }
    for (const Candidate& c : members_) own_ += c.own;
    trial_ ? search() : guess();
    std::ranges::sort(culprits_, {}, [](const Part& p) { return std::pair(-p.gain, p.begin); });
    if (culprits_.size() > kLosses) culprits_.resize(kLosses);
    for (const Part& p : culprits_) {
      next_loss();
      losses.push_back(explained(members_[p.begin], p.gain));
    }
    next_loss();
    if (trial_ && !culprits_.empty())
      all_repaired = trial_
                         ->run([&](graph::Graph& g) {
                           for (const Part& p : culprits_) repair(g, p, true, true);
                         })
                         .cosine;
    // What is left when nobody stands out.
    double named = 0;
    for (const Part& p : culprits_) named += p.gain;
    std::ranges::sort(first_, {}, [](const Part& p) { return std::pair(-p.gain, p.begin); });
    for (size_t parts = 0; const Part& p : first_) {
      const auto inside = [&](const Part& c) { return p.begin <= c.begin && c.begin < p.end; };
      if (p.gain < kLargeShare || parts == kParts || std::ranges::any_of(culprits_, inside)) continue;
      next_loss();
      Loss loss = neighbours(p);
      if (loss.advice.empty()) continue;  // nothing that can be configured helps there
      losses.push_back(std::move(loss));
      named += p.gain;
      ++parts;
    }
    if (named < 0.5) losses.push_back(nobody());
    reach(kMostTrials, kMostTrials);
    return losses;
  }

 private:
  // How many trials have run or are not needed any more; those of one part of the work end before `until`.
  void reach(size_t done, size_t until) {
    until_ = until;
    done_ = done < until || done == kMostTrials ? done : done_;
    if (place_.progress) place_.progress("Trying repairs", done_, kMostTrials);
  }
  void next_loss() {
    const size_t from = std::max(until_, kSearched);
    reach(from, std::min(from + kTrialsOfLoss, kMostTrials));
  }

  // Neighbours in the order of the network, and the share of the noise at the end that vanishes with theirs.
  struct Part {
    size_t begin, end;
    double gain = 0;
    bool divided = false;
  };

  bool repairable(const graph::Value& v) const {
    const graph::Graph& graph = place_.network.graph;
    if (v.producer && v.producer->int8 &&
        ops::op_of(*v.producer, graph.opset).quant(*v.producer).kind == ops::QuantKind::passive)
      return false;  // it moves codes
    return (v.quant && v.codes == DType::i8) || !makers(graph, v).empty();
  }

  // Parts of the network are repaired, and those that matter divided, down to single tensors.
  void search() {
    std::vector<Part> parts;
    const auto divide = [&](size_t begin, size_t end, size_t into) {
      const size_t n = end - begin;
      into = std::min(into, n);
      for (size_t i = 0; i < into; ++i) {
        Part part{begin + n * i / into, begin + n * (i + 1) / into};
        part.gain = gain(part, true, true);
        parts.push_back(part);
      }
    };
    divide(0, members_.size(), kFirstParts);
    for (size_t rounds = 0; rounds < kDivisions; ++rounds) {
      size_t best = parts.size();
      for (size_t i = 0; i < parts.size(); ++i)
        if (!parts[i].divided && parts[i].end - parts[i].begin > 1 && parts[i].gain >= kShareOfCulprit &&
            (best == parts.size() || parts[i].gain > parts[best].gain))
          best = i;
      if (best == parts.size()) break;
      parts[best].divided = true;
      divide(parts[best].begin, parts[best].end, kInto);
    }
    for (const Part& p : parts) {
      if (p.end - p.begin > 1 || !is_culprit(p)) continue;
      culprits_.push_back(p);
    }
    for (size_t i = 0; i < std::min(kFirstParts, members_.size()); ++i) first_.push_back(parts[i]);
  }

  // Without trials: by what tensors add of their own.
  void guess() {
    for (size_t i = 0; i < members_.size(); ++i)
      if (members_[i].own >= kShareOfCulprit * own_)
        culprits_.push_back({i, i + 1, std::min(members_[i].own / std::max(now_.noise, 1e-12), 1.0)});
  }

  bool is_culprit(const Part& p) const {
    return p.gain >= kShareOfCulprit &&
           (members_[p.begin].own >= kShareOfCulprit * own_ || (p.gain >= kLargeShare && tries_ >= kTries));
  }

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
    if (!t) t = optimized_.find(v.name);
    auto values = t ? real_values(*t) : std::nullopt;
    if (!values) return {};
    place_.network.bound(v, *values);
    const std::vector<float> own = stage(v);
    return scaled_like(place_.network, v, std::move(*values), own);
  }
  std::vector<float> stage(const graph::Value& v) const {
    const DumpedTensor* t = stage_.find(v.name);
    auto values = (t ? real_values(*t) : std::nullopt).value_or(std::vector<float>{});
    place_.network.bound(v, values);
    return values;
  }

  void repair(graph::Graph& g, const Part& p, bool codes, bool weights) const {
    for (size_t i = p.begin; i < p.end; ++i) {
      const graph::Value& v = *place_.survey.rows[members_[i].row].value;
      if (weights) set_float(g, v.name);
      if (!codes || !v.quant) continue;
      auto& range = ranges_[v.name];
      if (range.first == range.second) range = range_of(floats(v), v);
      set_fine_codes(g, v.name, range.first, range.second);
    }
  }

  double gain(const Part& p, bool codes, bool weights) const {
    return 1 - trial_->run([&](graph::Graph& g) { repair(g, p, codes, weights); }).noise / now_.noise;
  }

  Loss explained(const Candidate& c, double gained) {
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
    if (trial_ && weights && v.quant) {
      const auto at = static_cast<size_t>(&c - members_.data());
      by_weights = gain({at, at + 1}, false, true) > gain({at, at + 1}, true, false);
    }
    if (by_weights) {
      const double shift = shift_share(stage(v), patient.floats, v.shape);
      patient.cause = shift > 0.5 ? Cause::shift : Cause::weights;
      loss.reason = weight_reason(*product, *weights, shift);
    } else if (v.quant && !patient.floats.empty()) {
      loss.reason = code_reason(patient);
    } else {
      loss.reason = v.quant ? "its codes lose accuracy" : "it makes the errors of its inputs larger";
    }
    if (trial_)
      loss.reason +=
          fmt::format("; {} of the error of '{}' comes from here", percent(std::min(gained, 1.0)), end_);
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

  Loss of_end(std::string reason) const {
    Loss loss;
    loss.stage = place_.dumps[place_.stage + 1].name;
    loss.tensor = end_;
    loss.after = now_.cosine, loss.sample = place_.worst.sample;
    loss.reason = std::move(reason);
    return loss;
  }

  // Neighbours of which none stands out.
  Loss neighbours(const Part& p) const {
    std::vector<std::string> names;
    for (size_t i = p.begin; i < p.end; ++i) names.push_back(name_of(i));
    Loss loss =
        of_end(fmt::format("{} of the error of '{}' comes from {}, none of which stands out",
                           percent(std::min(p.gain, 1.0)), end_,
                           p.end - p.begin == 1 ? fmt::format("'{}'", names[0])
                                                : fmt::format("the {} tensors from '{}' to '{}' together",
                                                              names.size(), names.front(), names.back())));
    loss.advice = advice_for_part(place_.network, names, trial_.get(), now_, end_);
    return loss;
  }

  // Errors that add up.
  Loss nobody() const {
    Loss loss = of_end(fmt::format(
        "many small errors {}: {} tensors have codes or weights that cost something",
        culprits_.empty() ? "add up, no single node is to blame" : "add up beside these", members_.size()));
    loss.advice = advice_for_all(place_.network, trial_.get(), now_, end_);
    return loss;
  }
  const std::string& name_of(size_t member) const {
    return place_.survey.rows[members_[member].row].value->name;
  }

  const Place& place_;
  StageSample floats_, optimized_, stage_;
  std::string end_;
  Similarity now_;
  Inputs inputs_;
  std::vector<Candidate> members_;  // that can be repaired, in the order of the network
  double own_ = 0;                  // noise that all of them add
  std::vector<Part> first_, culprits_;
  mutable std::map<std::string, std::pair<float, float>> ranges_;  // of fine codes
  size_t tries_ = 1, done_ = 0, until_ = 0;
  std::unique_ptr<Trial> trial_;
};

}  // namespace

std::vector<Loss> lost_to_codes(const Place& place, double& repaired) {
  return CodeSearch(place).run(repaired);
}

}  // namespace openhb::verify
