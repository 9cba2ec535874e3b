// SPDX-License-Identifier: Apache-2.0
// Quantities of operators with two operands, and of matrix products.
#include <algorithm>

#include "host/march/measure.h"

namespace openhb::march {
namespace {

using graph::Value;

Observed number(int64_t v, std::string text = "") { return {static_cast<double>(v), std::move(text)}; }
Observed truth(bool v, std::string text) { return {v ? 1.0 : 0.0, std::move(text)}; }

bool is_pair(const Site& site) {
  return site.node.inputs.size() == 2 && site.node.input(0) && site.node.input(1);
}

Shape raised(Shape shape, size_t rank) {
  shape.insert(shape.begin(), rank - std::min(rank, shape.size()), 1);
  return shape;
}

// The shapes of both operands at equal rank.
std::pair<Shape, Shape> pair_of(const Site& site) {
  const Shape &a = site.node.input(0)->shape, &b = site.node.input(1)->shape;
  const size_t rank = std::max(a.size(), b.size());
  return {raised(a, rank), raised(b, rank)};
}

std::string shapes_text(const Site& site) {
  return fmt::format("{} and {}", to_string(site.node.input(0)->shape), to_string(site.node.input(1)->shape));
}

// Whether two neighbours of five dimensions, from `first` on, are broadcast in neither operand.
Values merge_from(const Site& site, size_t first) {
  if (!is_pair(site)) return {};
  const auto [a, b] = pair_of(site);
  if (a.size() != 5) return {};
  bool found = false;
  for (size_t i = first; i + 1 < 5; ++i) found = found || (a[i] == b[i] && a[i + 1] == b[i + 1]);
  return {truth(found, shapes_text(site))};
}

// Equal shapes, or one operand with one value per channel (`or_one`: or one number).
Values equal_or(const Site& site, bool or_one) {
  if (!is_pair(site)) return {};
  auto [a, b] = pair_of(site);
  if (a.size() != 4) return {};
  if (num_elements(a) < num_elements(b)) std::swap(a, b);
  const bool per_channel = b[1] == a[1] && b[2] == 1 && b[3] == 1 && (b[0] == a[0] || b[0] == 1);
  return {truth(a == b || per_channel || (or_one && num_elements(b) == 1), shapes_text(site))};
}

// Rows and columns at the end of a matrix operand.
bool has_matrices(const Site& site) {
  return is_pair(site) && site.node.input(0)->shape.size() > 1 && site.node.input(1)->shape.size() > 1;
}

}  // namespace

Values constant_operands(const Site& site) {
  return {
      number(std::ranges::count_if(site.node.inputs, [](const Value* v) { return v && v->is_constant(); }))};
}

Values batch_broadcast(const Site& site) {
  // A constant can be expanded when compiling.
  if (!is_pair(site) || site.node.input(0)->is_constant() || site.node.input(1)->is_constant()) return {};
  const auto [a, b] = pair_of(site);
  if (a.empty()) return {};
  return {number(a[0] != b[0], fmt::format("needed ({})", shapes_text(site)))};
}

Values mutual_broadcast(const Site& site) {
  if (!is_pair(site)) return {};
  const auto [a, b] = pair_of(site);
  bool left = false, right = false;
  for (size_t i = 0; i < a.size(); ++i) left = left || a[i] < b[i], right = right || b[i] < a[i];
  return {number(left && right, shapes_text(site))};
}

Values mergeable(const Site& site) { return merge_from(site, 1); }
Values mergeable_with_batch(const Site& site) { return merge_from(site, 0); }
Values equal_or_per_channel(const Site& site) { return equal_or(site, false); }
Values equal_per_channel_or_one(const Site& site) { return equal_or(site, true); }

Values zero_operand(const Site& site) {
  for (const Value* v : site.node.inputs)
    if (v && v->is_constant() && v->dtype == DType::f32)
      if (const auto d = v->constant->data<float>(); std::ranges::find(d, 0.0f) != d.end())
        return {number(1, fmt::format("'{}' with a zero in it", v->name))};
  return {};
}

Values exponent_elements(const Site& site) { return {number(num_elements(site.node.input(1)->shape))}; }

Values gemm_depth(const Site& site) {
  const Shape& a = site.node.input(0)->shape;
  if (a.size() != 2) return {};
  return {number(a[site.node.attr_int("transA", 0) != 0 ? 0 : 1])};
}

Values matrix_extents(const Site& site) {
  if (!has_matrices(site)) return {};
  const Shape &a = site.node.input(0)->shape, &b = site.node.input(1)->shape;
  return {number(a[a.size() - 2]), number(a.back()), number(b.back())};
}

Values matrix_batches(const Site& site) {
  if (!has_matrices(site)) return {};
  Values values;
  for (size_t i : {size_t{0}, size_t{1}}) {
    const Shape& s = site.node.input(i)->shape;
    for (size_t d = 0; d + 2 < s.size(); ++d) values.push_back(number(s[d]));
  }
  return values;
}

Values rank_difference(const Site& site) {
  // The rank of a constant is chosen when compiling.
  if (!is_pair(site) || site.node.input(0)->is_constant() || site.node.input(1)->is_constant()) return {};
  const auto a = static_cast<int64_t>(site.node.input(0)->shape.size()),
             b = static_cast<int64_t>(site.node.input(1)->shape.size());
  return {number(a - b, fmt::format("{} and {}", a, b))};
}

// Where extents of the leading dimensions differ, one of them is 1 and repeats. Allowed: only one operand
// repeats; the first one only as a whole; the second one below dimensions that it has in full.
Values matrix_broadcast(const Site& site) {
  if (!has_matrices(site)) return {};
  const auto [a, b] = pair_of(site);
  bool first_repeats = false, second_repeats = false, both_have = false, ordered = true;
  for (size_t i = 0; i + 2 < a.size(); ++i) {
    if (a[i] == b[i]) {
      if (a[i] == 1) continue;
      both_have = true;
      ordered = ordered && !second_repeats;
    } else {
      (a[i] == 1 ? first_repeats : second_repeats) = true;
    }
  }
  const bool allowed = !(first_repeats && second_repeats) && !(first_repeats && both_have) && ordered;
  return {truth(allowed, shapes_text(site))};
}

}  // namespace openhb::march
