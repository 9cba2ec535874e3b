// SPDX-License-Identifier: Apache-2.0
#include "host/verify/stages/candidates.h"

#include <algorithm>
#include <set>

namespace openhb::verify {

Inputs::Inputs(const Place& place, std::function<Similarity(const Likeness&)> pick)
    : place_(place), pick_(std::move(pick)) {
  for (size_t i = 0; i < place.survey.rows.size(); ++i) index_[place.survey.rows[i].value] = i;
}

std::optional<Similarity> Inputs::at(size_t row) const {
  const auto& cell = place_.survey.rows[row].cells[place_.stage][place_.worst.sample];
  if (!cell) return std::nullopt;
  return pick_(*cell);
}

Similarity Inputs::before(const graph::Value& value) const {
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

std::optional<std::vector<size_t>> Inputs::sources(const graph::Value& value) const {
  std::vector<size_t> rows;
  if (!value.producer) return std::nullopt;
  for (const graph::Value* in : value.producer->inputs) {
    if (!in || in->is_constant()) continue;
    if (const auto row = index_.find(in); row != index_.end() && at(row->second)) {
      if (std::ranges::find(rows, row->second) == rows.end()) rows.push_back(row->second);
      continue;
    }
    const auto further = sources(*in);
    if (!further) return std::nullopt;
    for (const size_t row : *further)
      if (std::ranges::find(rows, row) == rows.end()) rows.push_back(row);
  }
  return rows;
}

std::vector<Candidate> Inputs::all() const {
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
    list.push_back({i, from, *after, std::max(0.0, after->noise - from.noise)});
  }
  return list;
}

std::vector<Candidate> Inputs::losing() const {
  std::vector<Candidate> list = all();
  std::erase_if(list, [](const Candidate& c) { return c.own <= 0; });
  std::ranges::sort(list, {}, [](const Candidate& c) { return std::pair(-c.own, c.row); });
  return list;
}

Similarity with_float(const Likeness& likeness) { return likeness.with_float; }
Similarity with_before(const Likeness& likeness) { return likeness.with_before; }
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

}  // namespace openhb::verify
