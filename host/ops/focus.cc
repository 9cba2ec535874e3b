// SPDX-License-Identifier: Apache-2.0
#include "host/ops/focus.h"

#include "host/ops/slice_spec.h"

namespace openhb::ops {
namespace {

using graph::Node;
using graph::Value;

// Follows slices of the last two axes of a 4-D value back; nullptr when a node does anything else.
const Value* slice_source(const Value* value, Shape& first, Shape& step) {
  first = {0, 0}, step = {1, 1};
  const Value* last = value;
  while (value->producer && value->producer->op == "Slice" && value->producer->domain.empty()) {
    const Node& node = *value->producer;
    for (size_t i = 1; i < node.inputs.size(); ++i)
      if (node.input(i) && !node.input(i)->is_constant()) return nullptr;
    const SliceSpec spec = slice_spec(node);
    const Shape& in = node.input(0)->shape;
    if (in.size() != 4 || spec.extent[0] != in[0] || spec.extent[1] != in[1]) return nullptr;
    for (size_t i = 0; i < 2; ++i) {
      if (spec.step[i] != 1 || spec.step[i + 2] < 1) return nullptr;
      first[i] = spec.first[i + 2] + spec.step[i + 2] * first[i];
      step[i] *= spec.step[i + 2];
    }
    value = node.input(0);
    if (value->quant != last->quant || value->codes != last->codes) return nullptr;
  }
  return value;
}

}  // namespace

std::optional<Focus> focus_of(const Value* value) {
  const Node* concat = value->producer;
  if (!concat || concat->op != "Concat" || !concat->domain.empty() || value->shape.size() != 4 ||
      concat->inputs.size() != 4 || (concat->attr_int("axis", 1) != 1 && concat->attr_int("axis", 1) != -3))
    return std::nullopt;
  Focus focus{nullptr, {}};
  bool seen[2][2] = {};
  for (const Value* part : concat->inputs) {
    Shape first, step;
    const Value* source = slice_source(part, first, step);
    if (!source || (focus.source && source != focus.source) || part->quant != value->quant ||
        part->codes != value->codes || step != Shape{2, 2} || first[0] > 1 || first[1] > 1)
      return std::nullopt;
    if (std::exchange(seen[first[0]][first[1]], true)) return std::nullopt;
    focus.source = source;
    focus.parts.push_back({first[0], first[1]});
  }
  const Shape &x = focus.source->shape, &y = value->shape;
  if (x[2] != 2 * y[2] || x[3] != 2 * y[3] || focus.source->is_constant()) return std::nullopt;
  return focus;
}

void apply_focus(const Focus& focus, Linear& linear, std::vector<int8_t>& codes) {
  const Shape w = linear.shape;
  const int64_t each = w[1] / 4, height = 2 * w[2], width = 2 * w[3];
  std::vector<int8_t> wide(codes.size());
  auto from = codes.begin();
  for (int64_t o = 0; o < w[0]; ++o)
    for (const Focus::Part& part : focus.parts)
      for (int64_t c = 0; c < each; ++c)
        for (int64_t h = 0; h < w[2]; ++h)
          for (int64_t k = 0; k < w[3]; ++k)
            wide[static_cast<size_t>(((o * each + c) * height + 2 * h + part.row) * width + 2 * k +
                                     part.column)] = *from++;
  codes = std::move(wide);
  linear.shape = {w[0], each, height, width};
  for (auto* twice : {&linear.window.kernel, &linear.window.stride})
    for (auto& v : *twice) v *= 2;
  for (auto& pad : linear.window.pads) pad *= 2;
}

}  // namespace openhb::ops
