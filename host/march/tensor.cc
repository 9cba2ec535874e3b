// SPDX-License-Identifier: Apache-2.0
// Quantities of the tensors around a node.
#include <algorithm>

#include "host/march/measure.h"

namespace openhb::march {
namespace {

using graph::Value;

Observed number(int64_t v, std::string text = "") { return {static_cast<double>(v), std::move(text)}; }

std::vector<const Value*> computed_inputs(const Site& site) {
  std::vector<const Value*> list;
  for (const Value* v : site.node.inputs)
    if (v && !v->is_constant()) list.push_back(v);
  return list;
}

// Those that hold numbers, not positions.
std::vector<const Value*> tensors(const Site& site) {
  auto list = computed_inputs(site);
  list.insert(list.end(), site.node.outputs.begin(), site.node.outputs.end());
  std::erase_if(list, [](const Value* v) { return v->dtype != DType::f32; });
  return list;
}

int64_t aligned(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

const Shape& input_shape(const Site& site) { return site.node.input(0)->shape; }

}  // namespace

Values rank(const Site& site) {
  Values values;
  for (const Value* v : tensors(site))
    values.push_back(number(static_cast<int64_t>(v->shape.size()),
                            fmt::format("{} ('{}', {})", v->shape.size(), v->name, to_string(v->shape))));
  return values;
}

Values rank_of_input(const Site& site) { return {number(static_cast<int64_t>(input_shape(site).size()))}; }

Values computed_rank(const Site& site) {
  Values values;
  for (const Value* v : computed_inputs(site))
    values.push_back(number(static_cast<int64_t>(v->shape.size())));
  return values;
}

Values batch(const Site& site) {
  Values values;
  for (const Value* v : tensors(site))
    if (v->shape.size() > 1) values.push_back(number(v->shape[0]));
  return values;
}

Values extent(const Site& site) {
  Values values;
  for (const Value* v : tensors(site))
    for (int64_t d : v->shape) values.push_back(number(d, fmt::format("{} (in {})", d, to_string(v->shape))));
  return values;
}

Values bytes(const Site& site) {
  Values values;
  for (const Value* v : tensors(site)) values.push_back(number(num_elements(v->shape)));
  return values;
}

Values channels(const Site& site) {
  Values values;
  for (const Value* v : tensors(site))
    if (v->shape.size() == 4) values.push_back(number(v->shape[1]));
  return values;
}

Values volume(const Site& site) {
  const Shape& s = input_shape(site);
  if (s.size() != 4) return {};
  return {number(s[1] * s[2] * s[3])};
}

Values aligned_volume(const Site& site) {
  const Shape& s = input_shape(site);
  if (s.size() != 4) return {};
  return {number(std::min(s[2] * aligned(s[3], 8) * aligned(s[1], 4), s[2] * s[3] * aligned(s[1], 32)))};
}

Values plane(const Site& site) {
  const Shape& s = input_shape(site);
  if (s.size() != 4) return {};
  return {number(s[2] * s[3])};
}

Values input_extent_at(const Site& site, size_t from_end) {
  const Shape& s = input_shape(site);
  if (s.size() != 4) return {};
  return {number(s[3 - from_end])};
}

Values changed_extents(const Site& site) {
  Shape from = input_shape(site);
  const Shape& to = site.node.outputs[0]->shape;
  if (from.size() > to.size()) return {};
  from.insert(from.begin(), to.size() - from.size(), 1);
  int64_t count = 0;
  for (size_t i = 0; i < to.size(); ++i) count += from[i] != to[i];
  return {number(count)};
}

Values gather_rank(const Site& site) {
  size_t most = site.node.outputs[0]->shape.size();
  for (const Value* v : site.node.inputs)
    if (v) most = std::max(most, v->shape.size());
  return {number(static_cast<int64_t>(most))};
}

}  // namespace openhb::march
