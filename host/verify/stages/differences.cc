// SPDX-License-Identifier: Apache-2.0
// Stages that should compute what the one before does.
#include <algorithm>
#include <cmath>

#include "common/io/interrupt.h"
#include "host/verify/stages/candidates.h"
#include "host/verify/stages/trial.h"

namespace openhb::verify {
namespace {

// Largest difference of two tensors, and how many elements differ.
struct Apart {
  size_t differ = 0, total = 0;
  double largest = 0;
};
Apart apart(std::span<const float> a, std::span<const float> b) {
  Apart result;
  result.total = std::min(a.size(), b.size());
  for (size_t i = 0; i < result.total; ++i) {
    if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]))) continue;
    ++result.differ;
    result.largest =
        std::max(result.largest, std::fabs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  }
  return result;
}
Apart apart(const StageSample& a, const StageSample& b, const std::string& name) {
  const DumpedTensor *x = a.find(name), *y = b.find(name);
  const auto left = x ? real_values(*x) : std::nullopt, right = y ? real_values(*y) : std::nullopt;
  if (!left || !right) return {};
  return apart(*left, *right);
}

double share(const Apart& d) {
  return static_cast<double>(d.differ) / static_cast<double>(std::max<size_t>(d.total, 1));
}

// Whose codes, as int16, would be finer; those that take it.
std::vector<std::string> int16_advice(const Network& network,
                                      const std::vector<const graph::Value*>& values) {
  std::vector<std::string> nodes;
  for (const graph::Value* v : values) {
    graph::Graph copy = network.graph.clone();
    if (v->producer && set_int16(copy, v->name, v->range_lo, v->range_hi)) nodes.push_back(v->producer->name);
  }
  if (nodes.empty()) return {};
  return {fmt::format("set_node_data_type: {}:int16", fmt::join(nodes, ":int16;"))};
}

// Two stages give a node slightly different inputs; what it does with them is the question.
void explain_integers(const Place& place, const Candidate& c, const StageSample& before,
                      const StageSample& now, Loss& loss) {
  const graph::Value& v = *place.survey.rows[c.row].value;
  const Apart d = apart(before, now, v.name);
  const double step = v.quant ? static_cast<double>(v.quant->scale()) : 0;
  const auto size = [&](double x) {
    return step > 0 ? fmt::format("{:.4g} ({:.3g} steps of its codes)", x, x / step)
                    : fmt::format("{:.4g}", x);
  };
  std::vector<const graph::Value*> sources;
  std::vector<std::string> names;
  for (const size_t row : Inputs(place, with_before).sources(v).value_or(std::vector<size_t>{})) {
    sources.push_back(place.survey.rows[row].value);
    names.push_back(sources.back()->name);
  }
  const auto again = names.empty() ? std::nullopt : recomputed(place.network, v.name, names, now);
  const DumpedTensor* t = now.find(v.name);
  const auto values = t ? real_values(*t) : std::nullopt;
  const Apart own = again && values && again->size() == values->size() ? apart(*again, *values) : d;
  if (own.largest <= std::max(1.01 * step, 1e-3 * d.largest) && own.largest < d.largest) {
    loss.reason = fmt::format(
        "{} of its values differ from those of the calibrated model, by up to {}; its own arithmetic is "
        "right (from the "
        "same inputs float gives the same, {}), so it makes small differences of its inputs larger",
        percent(share(d)), size(d.largest),
        own.differ == 0 ? "to the bit" : fmt::format("within {}", size(own.largest)));
    loss.advice = int16_advice(place.network, sources);
    return;
  }
  loss.reason = fmt::format(
      "integer arithmetic: from the same inputs float gives {} of the values otherwise, by up to {}",
      percent(share(own)), size(own.largest));
  loss.advice = int16_advice(place.network, {&v});
  std::vector<std::string> nodes;
  for (const graph::Node* node : makers(place.network.graph, v)) nodes.push_back(node->name);
  if (!nodes.empty()) loss.advice.push_back(fmt::format("run_on_cpu: {}", fmt::join(nodes, ";")));
}

}  // namespace

std::vector<Loss> lost_to_integers(const Place& place) {
  const StageSample before(place.dumps[place.stage], place.worst.sample),
      now(place.dumps[place.stage + 1], place.worst.sample);
  std::vector<Loss> losses;
  for (const Candidate& c : Inputs(place, with_before).losing()) {
    if (losses.size() == 3 || c.own < 0.1 * place.worst.likeness.with_before.noise) break;
    Loss loss = loss_at(place, c);
    const graph::Value& v = *place.survey.rows[c.row].value;
    if (const auto edit = place.network.edited.find(v.name); edit != place.network.edited.end()) {
      loss.reason = edit->second;
      loss.advice = {
          "make the quantized model again from the calibrated one: hb_mapper makertbin --resume-from"};
    } else {
      explain_integers(place, c, before, now, loss);
    }
    losses.push_back(std::move(loss));
  }
  return losses;
}

std::vector<Loss> lost_to_optimizer(const Place& place) {
  const StageSample before(place.dumps[place.stage], place.worst.sample),
      now(place.dumps[place.stage + 1], place.worst.sample);
  std::vector<Loss> losses;
  for (const Candidate& c : Inputs(place, with_float).losing()) {
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
  const StageSample before(place.dumps[place.stage], place.worst.sample),
      now(place.dumps[place.stage + 1], place.worst.sample);
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
  Candidate c{row, Inputs(place, with_float).before(*place.survey.rows[row].value), {}, 0};
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
