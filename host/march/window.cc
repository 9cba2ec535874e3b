// SPDX-License-Identifier: Apache-2.0
// Quantities of convolutions and pools.
#include <algorithm>

#include "host/compiler/lowering.h"
#include "host/march/measure.h"
#include "host/ops/operator.h"

namespace openhb::march {
namespace {

using graph::Node;
using graph::Value;

Observed number(int64_t v) { return {static_cast<double>(v)}; }

const Shape& shape_of(const Site& site) { return site.node.input(0)->shape; }
bool planar(const Site& site) { return shape_of(site).size() == 4; }
bool volumetric(const Site& site) { return shape_of(site).size() == 5; }

bool has_weights(const Node& node) { return node.inputs.size() > 1 && node.input(1); }

// Extents of the window: those of the weights, or of the attribute.
Shape kernel_of(const Site& site) {
  if (has_weights(site.node)) {
    const Shape& w = site.node.input(1)->shape;
    return w.size() > 2 ? Shape(w.begin() + 2, w.end()) : Shape{};
  }
  return site.node.attr_ints("kernel_shape", {});
}

// An attribute with one value per spatial axis.
Shape list_of(const Site& site, std::string_view name) {
  const size_t n = shape_of(site).size() - 2;
  Shape list = site.node.attr_ints(name, Shape(n, name == "output_padding" ? 0 : 1));
  if (list.empty()) list.assign(n, name == "output_padding" ? 0 : 1);
  return list;
}

// Begin of all axes, then end, with auto_pad resolved (SAME: by the output that was inferred).
Shape pads_of(const Site& site) {
  const size_t n = shape_of(site).size() - 2;
  const std::string mode = site.node.attr_string("auto_pad", "NOTSET");
  Shape pads(2 * n, 0);
  if (mode == "SAME_UPPER" || mode == "SAME_LOWER") {
    const Shape kernel = kernel_of(site), strides = list_of(site, "strides"),
                dilations = list_of(site, "dilations");
    const Shape& out = site.node.outputs[0]->shape;
    for (size_t i = 0; i < n; ++i) {
      const int64_t reach = (out[i + 2] - 1) * strides[i] + (kernel[i] - 1) * dilations[i] + 1;
      pads[i] = pads[n + i] = (std::max<int64_t>(reach - shape_of(site)[i + 2], 0) + 1) / 2;
    }
  } else if (mode != "VALID") {
    pads = site.node.attr_ints("pads", pads);
    if (pads.empty()) pads.assign(2 * n, 0);
  }
  return pads;
}

// Value i counted from the last of a list.
int64_t from_end(const Shape& list, size_t i) { return list[list.size() - 1 - i]; }

int64_t output_channels(const Site& site) {
  const Shape& s = site.node.outputs[0]->shape;
  return s.size() < 3 ? s.back() : s[1];
}

// Whether nothing behind the node (and its activation) can run in the integer engine.
bool is_last(const Site& site) {
  const Node* end = &site.node;
  if (const Node* activation = compiler::fusable_activation(site.node, site.consumers, site.graph))
    end = activation;
  for (const Value* v : end->outputs) {
    const auto readers = site.consumers.find(v);
    if (readers == site.consumers.end()) continue;
    for (const Node* reader : readers->second)
      if (const auto* row = ops::find_op(reader->domain, reader->op);
          row && row->quant && row->quant(*reader).kind != ops::QuantKind::none)
        return false;
  }
  return true;
}

bool dilated(const Site& site) {
  return std::ranges::any_of(list_of(site, "dilations"), [](auto d) { return d > 1; });
}

Values all(const Shape& list) {
  Values values;
  for (int64_t v : list) values.push_back(number(v));
  return values;
}

Values largest(const Shape& list) {
  if (list.empty()) return {};
  return {number(*std::ranges::max_element(list))};
}

bool power_of_two(int64_t v) { return v > 0 && (v & (v - 1)) == 0; }

Values taller(const Shape& list) {
  return {{static_cast<double>(std::max<int64_t>(from_end(list, 1) - from_end(list, 0), 0)),
           fmt::format("{} x {}", from_end(list, 1), from_end(list, 0))}};
}

}  // namespace

Values kernel_at(const Site& site, size_t i) {
  const Shape kernel = kernel_of(site);
  if (shape_of(site).size() < 4 || i >= kernel.size()) return {};
  return {number(from_end(kernel, i))};
}

Values planar_attribute(const Site& site, std::string_view name, size_t i) {
  if (!planar(site)) return {};
  return {number(from_end(list_of(site, name), i))};
}

Values planar_padding(const Site& site) { return planar(site) ? all(pads_of(site)) : Values{}; }

Values planar_kernel_size(const Site& site) {
  if (!planar(site)) return {};
  const Shape& w = site.node.input(1)->shape;
  return {{static_cast<double>(w[1] * w[2] * w[3]),
           fmt::format("{} ({} x {} x {})", w[1] * w[2] * w[3], w[1], w[2], w[3])}};
}

Values planar_inputs(const Site& site) {
  if (!planar(site)) return {};
  return {number(site.node.input(1)->shape[1])};
}

Values inner_outputs(const Site& site) {
  if (volumetric(site) || is_last(site)) return {};
  return {number(output_channels(site))};
}

Values last_outputs(const Site& site) {
  if (volumetric(site) || !is_last(site)) return {};
  return {number(output_channels(site))};
}

Values single_group_channels(const Site& site) {
  if (!planar(site) || site.node.attr_int("group", 1) != 1) return {};
  return {number(shape_of(site)[1]), number(output_channels(site))};
}

Values many_group_channels(const Site& site) {
  const int64_t groups = site.node.attr_int("group", 1);
  if (!planar(site) || groups == 1) return {};
  return {number(shape_of(site)[1] / groups), number(output_channels(site) / groups)};
}

Values stride_before_sum(const Site& site) {
  if (!planar(site)) return {};
  const auto readers = site.consumers.find(site.node.outputs[0]);
  if (readers == site.consumers.end() || readers->second.size() != 1) return {};
  const Node& sum = *readers->second[0];
  if (sum.op != "Add" || sum.inputs.size() != 2 || sum.input(0)->is_constant() || sum.input(1)->is_constant())
    return {};
  return all(list_of(site, "strides"));
}

Values stride_with_dilation(const Site& site) {
  return planar(site) && dilated(site) ? all(list_of(site, "strides")) : Values{};
}

Values dilation_remainder(const Site& site) {
  if (!planar(site)) return {};
  const Shape dilations = list_of(site, "dilations");
  Values values;
  for (size_t i = 0; i < 2; ++i) {
    const int64_t extent = shape_of(site)[i + 2];
    values.push_back({static_cast<double>(extent % dilations[i]),
                      fmt::format("{} ({} modulo {})", extent % dilations[i], extent, dilations[i])});
  }
  return values;
}

Values dilation_power(const Site& site) {
  if (!planar(site)) return {};
  Values values;
  for (int64_t d : list_of(site, "dilations"))
    values.push_back({power_of_two(d) ? 1.0 : 0.0, fmt::format("{}", d)});
  return values;
}

Values dilation_of_stride(const Site& site) {
  if (!planar(site)) return {};
  const Shape dilations = list_of(site, "dilations"), strides = list_of(site, "strides");
  Values values;
  for (size_t i = 0; i < 2; ++i)
    if (dilations[i] > 1)
      values.push_back(
          {static_cast<double>(dilations[i] % strides[i]),
           fmt::format("{} ({} modulo {})", dilations[i] % strides[i], dilations[i], strides[i])});
  return values;
}

Values taller_dilation(const Site& site) {
  return planar(site) ? taller(list_of(site, "dilations")) : Values{};
}
Values taller_stride(const Site& site) { return planar(site) ? taller(list_of(site, "strides")) : Values{}; }

Values largest_kernel(const Site& site) { return largest(kernel_of(site)); }
Values largest_stride(const Site& site) { return largest(list_of(site, "strides")); }
Values larger_kernel(const Site& site) { return planar(site) ? largest(kernel_of(site)) : Values{}; }
Values larger_stride(const Site& site) { return planar(site) ? largest(list_of(site, "strides")) : Values{}; }

Values stride_two_or_four(const Site& site) {
  if (!planar(site)) return {};
  Values values;
  for (int64_t s : list_of(site, "strides"))
    values.push_back({s == 2 || s == 4 ? 1.0 : 0.0, fmt::format("{}", s)});
  return values;
}

Values transposed_channels(const Site& site) {
  if (!planar(site)) return {};
  return {number(shape_of(site)[1]), number(output_channels(site))};
}

Values weight_elements(const Site& site) {
  if (!has_weights(site.node)) return {};
  return {number(num_elements(site.node.input(1)->shape))};
}

Values padding_beyond_ratio(const Site& site) {
  if (!planar(site)) return {};
  const Shape kernel = kernel_of(site), strides = list_of(site, "strides"), pads = pads_of(site);
  Values values;
  for (size_t i = 0; i < 4; ++i) {
    // An odd stride excludes the ratio itself.
    const int64_t s = strides[i % 2], k = kernel[i % 2];
    const int64_t most = s % 2 == 0 ? k / s : (k + s - 1) / s - 1;
    values.push_back({static_cast<double>(std::max<int64_t>(pads[i] - most, 0)),
                      fmt::format("{} (padding {}, kernel {}, stride {})", pads[i] - most, pads[i], k, s)});
  }
  return values;
}

Values padding_beyond_half(const Site& site) {
  if (!planar(site)) return {};
  const Shape kernel = kernel_of(site), pads = pads_of(site);
  Values values;
  for (size_t i = 0; i < 4; ++i) {
    const int64_t beyond = pads[i] - (kernel[i % 2] - 1) / 2;
    values.push_back({static_cast<double>(std::max<int64_t>(beyond, 0)),
                      fmt::format("{} (padding {}, kernel {})", beyond, pads[i], kernel[i % 2])});
  }
  return values;
}

Values output_padding(const Site& site) { return all(list_of(site, "output_padding")); }

Values volume_batch(const Site& site) {
  return volumetric(site) ? Values{number(shape_of(site)[0])} : Values{};
}

Values volume_stride(const Site& site) {
  if (!volumetric(site)) return {};
  const Shape s = list_of(site, "strides");
  // Height and width go together.
  return {{s[1] == s[2] ? static_cast<double>(s[1]) : 0.0, fmt::format("{} x {}", s[1], s[2])}};
}

Values volume_groups(const Site& site) {
  return volumetric(site) ? Values{number(site.node.attr_int("group", 1))} : Values{};
}

Values volume_dilation(const Site& site) {
  return volumetric(site) ? all(list_of(site, "dilations")) : Values{};
}

Values volume_padding(const Site& site) {
  if (!volumetric(site)) return {};
  const Shape p = pads_of(site);
  return all({p[1], p[2], p[4], p[5]});
}

Values volume_depth_padding(const Site& site) {
  if (!volumetric(site)) return {};
  const Shape p = pads_of(site);
  const int64_t half = kernel_of(site)[0] / 2;
  return {number(std::max<int64_t>(std::max(p[0], p[3]) - half, 0))};
}

Values depth_channels(const Site& site) {
  if (!volumetric(site)) return {};
  const Shape& w = site.node.input(1)->shape;
  return {number(w[1] * w[2])};
}

}  // namespace openhb::march
