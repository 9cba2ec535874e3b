// SPDX-License-Identifier: Apache-2.0
// Quantities of attributes and constant parameters.
#include <algorithm>
#include <cmath>
#include <set>

#include "host/march/measure.h"
#include "host/ops/operator.h"

namespace openhb::march {
namespace {

using graph::Value;

Observed number(int64_t v, std::string text = "") { return {static_cast<double>(v), std::move(text)}; }

int64_t from_front(int64_t axis, size_t rank) { return axis < 0 ? axis + static_cast<int64_t>(rank) : axis; }

const Shape& input_shape(const Site& site) { return site.node.input(0)->shape; }
const Shape& output_shape(const Site& site) { return site.node.outputs[0]->shape; }

Values one_of(const std::string& found, std::initializer_list<std::string_view> allowed) {
  const bool fits = std::find(allowed.begin(), allowed.end(), found) != allowed.end();
  return {{fits ? 1.0 : 0.0, fmt::format("'{}'", found)}};
}

// Axes of a Reduce; none given means all.
std::set<int64_t> reduced_axes(const Site& site) {
  std::set<int64_t> axes;
  for (int64_t a : ops::constant_ints(site.node, 1)) axes.insert(from_front(a, input_shape(site).size()));
  if (axes.empty() && site.node.attr_int("noop_with_empty_axes", 0) == 0)
    for (size_t i = 0; i < input_shape(site).size(); ++i) axes.insert(static_cast<int64_t>(i));
  return axes;
}

bool over_plane(const Site& site) {
  return input_shape(site).size() == 4 && reduced_axes(site) == std::set<int64_t>{2, 3};
}

std::string axes_text(const Site& site) { return fmt::format("[{}]", fmt::join(reduced_axes(site), ", ")); }

bool is_nearest(const Site& site) {
  return site.node.attr_string("mode", "nearest") == "nearest" && input_shape(site).size() == 4 &&
         output_shape(site).size() == 4;
}
double factor(const Site& site, size_t axis) {
  return static_cast<double>(output_shape(site)[axis]) / static_cast<double>(input_shape(site)[axis]);
}

}  // namespace

Values axis_or(const Site& site, int64_t fallback) {
  return {number(from_front(site.node.attr_int("axis", fallback), input_shape(site).size()))};
}

Values searched_extent(const Site& site) {
  const Shape& s = input_shape(site);
  return {number(s[static_cast<size_t>(from_front(site.node.attr_int("axis", 0), s.size()))])};
}

Values axis_count(const Site& site) {
  return {number(static_cast<int64_t>(reduced_axes(site).size()),
                 fmt::format("{} {}", reduced_axes(site).size(), axes_text(site)))};
}

Values reduced_extent(const Site& site) {
  Values values;
  for (int64_t a : reduced_axes(site)) values.push_back(number(input_shape(site)[static_cast<size_t>(a)]));
  return values;
}

Values one_axis_or_plane(const Site& site) {
  return {number(reduced_axes(site).size() == 1 || over_plane(site), axes_text(site))};
}

Values plane_axes(const Site& site) { return {number(over_plane(site), axes_text(site))}; }
Values keepdims(const Site& site) { return {number(site.node.attr_int("keepdims", 1))}; }
Values sorted(const Site& site) { return {number(site.node.attr_int("sorted", 1))}; }

Values split_sizes(const Site& site) {
  const auto a = static_cast<size_t>(from_front(site.node.attr_int("axis", 0), input_shape(site).size()));
  std::set<int64_t> sizes;
  for (const Value* v : site.node.outputs) sizes.insert(v->shape[a]);
  return {number(static_cast<int64_t>(sizes.size()),
                 fmt::format("{} ({})", sizes.size(), fmt::join(sizes, ", ")))};
}

Values block_size(const Site& site) { return {number(site.node.attr_int("blocksize", 1))}; }
Values pad_mode(const Site& site) { return one_of(site.node.attr_string("mode", "constant"), {"constant"}); }

Values other_resized_axes(const Site& site) {
  const Shape &from = input_shape(site), &to = output_shape(site);
  int64_t count = 0;
  for (size_t i = 0; i + 2 < from.size(); ++i) count += from[i] != to[i];
  return {number(count)};
}

Values resize_mode(const Site& site) {
  return one_of(site.node.attr_string("mode", "nearest"), {"nearest", "linear"});
}

Values nearest_power(const Site& site) {
  if (!is_nearest(site)) return {};
  Values values;
  for (size_t axis : {size_t{2}, size_t{3}}) {
    const double f = factor(site, axis);
    int exponent = 0;
    values.push_back({std::frexp(f, &exponent) == 0.5 ? 1.0 : 0.0, fmt::format("{:.4g}", f)});
  }
  return values;
}

Values nearest_ratio(const Site& site) {
  if (!is_nearest(site)) return {};
  return {
      {factor(site, 2) / factor(site, 3), fmt::format("{:.4g} / {:.4g}", factor(site, 2), factor(site, 3))}};
}

Values resize_coordinates(const Site& site) {
  return one_of(site.node.attr_string("coordinate_transformation_mode", "half_pixel"),
                {"half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners", "tf_crop_and_resize"});
}

// Before opset 20 the modes had other names.
Values grid_mode(const Site& site) {
  return one_of(site.node.attr_string("mode", "linear"), {"linear", "bilinear", "nearest"});
}
Values grid_padding(const Site& site) {
  return one_of(site.node.attr_string("padding_mode", "zeros"), {"zeros", "border"});
}

}  // namespace openhb::march
