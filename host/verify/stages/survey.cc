// SPDX-License-Identifier: Apache-2.0
#include "host/verify/stages/survey.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "common/io/interrupt.h"
#include "host/precision/channel_ranges.h"

namespace openhb::verify {
namespace {

constexpr double kNoTurn = 1e-4;  // 1 - cosine^2

// Real values that decide an output: itself, or what an index or a truth value is made of.
void add_ends(const graph::Value* v, std::vector<const graph::Value*>& ends) {
  if (v->is_constant() || !v->producer) return;
  if (v->dtype == DType::f32) {
    if (std::ranges::find(ends, v) == ends.end()) ends.push_back(v);
    return;
  }
  for (const graph::Value* in : v->producer->inputs)
    if (in) add_ends(in, ends);
}

std::optional<std::vector<float>> reals(const StageSample& sample, const std::string& name) {
  const DumpedTensor* t = sample.find(name);
  return t ? real_values(*t) : std::nullopt;
}

// An output that is nearly nothing on one sample (no hand in the picture) is not lost when it is a little
// more than nothing: noise is measured by what the output can be.
void measure_by_largest(Survey::Row& row) {
  const graph::Node* node = row.value->producer;
  const bool probabilities = node && (node->op == "Sigmoid" || node->op == "Softmax");
  double least = probabilities ? 1 : 0;
  for (const auto& samples : row.cells)
    for (const auto& cell : samples)
      if (cell) least = std::max(least, 0.05 * cell->with_float.energy);
  for (auto& samples : row.cells)
    for (auto& cell : samples)
      if (cell)
        for (Similarity* s : {&cell->with_float, &cell->with_before})
          if (s->energy > 0 && s->energy < least) s->noise *= s->energy / least;
}

}  // namespace

std::vector<float> scaled_like(const Network& network, const graph::Value& value, std::vector<float> floats,
                               std::span<const float> stage) {
  if (network.setting("per_channel") != "True" || value.shape.size() < 2 || value.shape[1] < 1 ||
      floats.size() != stage.size())
    return floats;
  constexpr int kMostPower = 4;  // of host/precision/channel_ranges.cc
  const auto channels = static_cast<size_t>(value.shape[1]);
  const auto inner = static_cast<size_t>(dense_strides(value.shape)[1]);
  std::vector<double> a(channels), b(channels);
  for (size_t i = 0; i < floats.size(); ++i) {
    const size_t c = i / inner % channels;
    a[c] += std::fabs(static_cast<double>(stage[i])), b[c] += std::fabs(static_cast<double>(floats[i]));
  }
  std::vector<int> power(channels);
  for (size_t c = 0; c < channels; ++c)
    if (a[c] > 0 && b[c] > 0)
      power[c] = std::clamp(static_cast<int>(std::nearbyint(std::log2(a[c] / b[c]))), 0, kMostPower);
  for (size_t i = 0; i < floats.size(); ++i) floats[i] = std::ldexp(floats[i], power[i / inner % channels]);
  return floats;
}

Survey survey(const std::vector<StageDumps>& dumps, const Network& network, const StagesProgress& progress) {
  Survey found;
  const size_t samples = dumps.front().folders.size(), stages = dumps.size() - 1;
  const auto add = [&](const graph::Value* v) {
    found.rows.push_back({v, {stages, std::vector<std::optional<Likeness>>(samples)}});
  };
  for (const graph::Value* v : network.graph.inputs)  // featuremaps; codes of pictures are the pixels
    if (v->dtype == DType::f32 && v->quant && v->quant->scale() != 1.0f) add(v);
  for (const auto& node : network.graph.nodes())
    for (const graph::Value* v : node->outputs)
      if (v && !v->is_constant() && v->dtype == DType::f32) add(v);
  // Values whose channels per_channel may have multiplied, and what is written before their activation.
  std::set<const graph::Value*> scaled;
  for (const graph::Value* v : precision::values_with_channels(network.graph)) {
    scaled.insert(v);
    if (v->producer && v->producer->input(0) && v->producer->input(0)->producer)
      if (v->producer->op == "Relu" || v->producer->op == "LeakyRelu") scaled.insert(v->producer->input(0));
  }
  const size_t optimized = dumps.size() > 1 && dumps[1].name == "optimized" ? 1 : 0;
  size_t done = 0;
  for (size_t s = 0; s < samples; ++s) {
    std::vector<StageSample> open;
    for (const StageDumps& d : dumps) open.emplace_back(d, s);
    for (Survey::Row& row : found.rows) {
      check_interrupt();
      if (progress) progress("Comparing stages", done++, samples * found.rows.size());
      auto floats = reals(open[0], row.value->name);
      if (!floats) floats = reals(open[optimized], row.value->name);
      if (!floats) continue;
      network.bound(*row.value, *floats);
      std::vector<float> before = *floats;
      for (size_t k = 1; k < dumps.size(); ++k) {
        auto values = reals(open[k], row.value->name);
        if (!values || values->size() != floats->size()) continue;
        network.bound(*row.value, *values);
        const bool channels = scaled.contains(row.value) && k > optimized;
        const std::vector<float> reference =
            channels ? scaled_like(network, *row.value, *floats, *values) : *floats;
        if (channels) before = scaled_like(network, *row.value, std::move(before), *values);
        row.cells[k - 1][s] = {similarity(*values, reference), similarity(*values, before)};
        before = std::move(*values);
      }
    }
  }
  if (progress && done > 0) progress("Comparing stages", done, done);
  std::vector<const graph::Value*> ends;
  for (const graph::Value* v : network.graph.outputs) add_ends(v, ends);
  for (size_t i = 0; i < found.rows.size(); ++i)
    if (std::ranges::find(ends, found.rows[i].value) != ends.end()) found.ends.push_back(i);
  for (const size_t end : found.ends) measure_by_largest(found.rows[end]);
  return found;
}

StageResult Survey::result(const StageDumps& stage, size_t index) const {
  StageResult result{stage.name, stage.side, {}, {}, false};
  for (size_t i = 0; i < rows.size(); ++i) {
    const graph::Node* node = rows[i].value->producer;
    StageTensor t{rows[i].value->name, node ? node->name : "", 1, 1, 0, 0};
    bool known = false;
    for (size_t s = 0; s < rows[i].cells[index].size(); ++s) {
      const auto& cell = rows[i].cells[index][s];
      if (!cell) continue;
      if (!known || cell->with_float.cosine < t.cosine)
        t.cosine = cell->with_float.cosine, t.worst_sample = s;
      t.step_cosine = std::min(t.step_cosine, cell->with_before.cosine);
      t.relative_l2 = std::max(t.relative_l2, cell->with_float.relative_l2());
      known = true;
    }
    if (!known) continue;
    result.tensors.push_back(t);
    if (std::ranges::find(ends, i) != ends.end()) result.outputs.push_back(t);
  }
  return result;
}

std::optional<Survey::Worst> Survey::worst_end(size_t index, bool before) const {
  std::optional<Worst> worst;
  // First by what is no mere change of size, which is all that a tensor of one or two numbers knows.
  const auto noise = [&](const Likeness& l) {
    const Similarity& s = before ? l.with_before : l.with_float;
    return std::pair(std::max(1 - s.cosine * std::fabs(s.cosine), kNoTurn), s.noise);
  };
  for (const size_t row : ends)
    for (size_t s = 0; s < rows[row].cells[index].size(); ++s)
      if (const auto& cell = rows[row].cells[index][s])
        if (!worst || noise(*cell) > noise(worst->likeness)) worst = {row, s, *cell};
  return worst;
}

std::optional<Survey::Worst> Survey::changed(size_t index) const {
  for (size_t row = 0; row < rows.size(); ++row)
    for (size_t s = 0; s < rows[row].cells[index].size(); ++s)
      if (const auto& cell = rows[row].cells[index][s]; cell && cell->with_before.noise > 0)
        return Worst{row, s, *cell};
  return std::nullopt;
}

}  // namespace openhb::verify
