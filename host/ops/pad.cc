// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "host/compiler/lowering.h"
#include "host/ops/movement.h"
#include "host/ops/rewriter.h"

namespace openhb::ops {
namespace {

using compiler::Lowering;
using compiler::TensorId;

// Padding of each axis: before all axes, then after.
std::vector<int64_t> pad_amounts(const Node& node) {
  const size_t rank = node.input(0)->shape.size();
  const auto given = constant_ints(node, 1);
  const std::vector<int64_t> axes = constant_ints(node, 3);
  if (!node.input(3)) {
    if (given.size() != 2 * rank)
      fail(ErrorCode::model_bad_attribute, "{}: 'pads' has {} values, expected {}", node.describe(),
           given.size(), 2 * rank);
    return given;
  }
  if (given.size() != 2 * axes.size())
    fail(ErrorCode::model_bad_attribute, "{}: 'pads' has {} values for {} axes", node.describe(),
         given.size(), axes.size());
  std::vector<int64_t> pads(2 * rank, 0);
  for (size_t i = 0; i < axes.size(); ++i) {
    const int64_t a = axes[i] < 0 ? axes[i] + static_cast<int64_t>(rank) : axes[i];
    if (a < 0 || a >= static_cast<int64_t>(rank))
      fail(ErrorCode::model_bad_attribute, "{}: axis {} is out of range", node.describe(), axes[i]);
    pads[static_cast<size_t>(a)] = given[i];
    pads[static_cast<size_t>(a) + rank] = given[axes.size() + i];
  }
  return pads;
}

std::string mode_of(const Node& node) { return node.attr_string("mode", "constant"); }

bool pads_with_zero(const Node& node) {
  const Value* v = node.input(2);
  if (!v) return true;
  if (!v->is_constant()) return false;
  const auto bytes = v->constant->bytes();
  const bool zero = std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
  return zero || (v->dtype == DType::f32 && v->constant->data<float>()[0] == 0.0f);
}

// The source of position i of an axis of extent n, which may lie outside of [0, n).
int64_t source(const std::string& mode, int64_t i, int64_t n) {
  if (mode == "edge" || n == 1) return std::clamp<int64_t>(i, 0, n - 1);
  if (mode == "wrap") return (i % n + n) % n;
  const int64_t period = 2 * (n - 1), at = (i % period + period) % period;  // reflect
  return at < n ? at : period - at;
}

// One axis after the other by a table of sources.
void lower_by_table(Lowering& lowering, const Node& node) {
  const auto pads = pad_amounts(node);
  const std::string mode = mode_of(node);
  TensorId x = lowering.input(0);
  const TensorDesc in = lowering.desc(x);
  std::vector<size_t> padded;  // memory dimensions
  for (size_t k = 0; k < in.rank(); ++k)
    if (pads[in.order[k]] != 0 || pads[in.order[k] + in.rank()] != 0) padded.push_back(k);
  if (padded.empty()) return lowering.bind(node.outputs[0], x);
  Shape dims = in.dims;
  for (const size_t k : padded) {
    const int64_t before = pads[in.order[k]], after = pads[in.order[k] + in.rank()], n = in.dims[k];
    std::vector<int32_t> table;
    for (int64_t i = -before; i < n + after; ++i) table.push_back(static_cast<int32_t>(source(mode, i, n)));
    dims[k] = static_cast<int64_t>(table.size());
    const TensorId y = k == padded.back() ? lowering.output(node.outputs[0], in.order)
                                          : lowering.scratch(in.dtype, dims, in.order, in.quant);
    lowering.emit(GatherParams{static_cast<int32_t>(k)}, {x, lowering.constant<int32_t>({dims[k]}, table)},
                  {y});
    x = y;
  }
}

// Fills `y` with the padding value.
void emit_background(Lowering& lowering, const Node& node, TensorId y) {
  if (lowering.int8() || pads_with_zero(node)) {
    const double zero = lowering.int8() ? lowering.desc(y).quant.zero_point() : 0;
    return lowering.emit(FillParams{zero}, {}, {y});
  }
  const TensorDesc d = lowering.desc(y);
  lowering.emit(CopyParams{d.dims, Shape(d.rank(), 0), d.strides()}, {lowering.native(node.input(2))}, {y});
}

}  // namespace

void Pad::upgrade(Rewriter& r, Node&) {
  r.ints_to_input("paddings", 1);
  r.ints_to_input("pads", 1);
  r.float_to_input("value", 2);
}
void Pad::infer(InferContext& c) {
  const std::string mode = mode_of(c.node());
  if (mode != "constant" && mode != "edge" && mode != "reflect" && mode != "wrap")
    fail(ErrorCode::model_bad_attribute,
         "{}: attribute 'mode' is '{}', expected constant, edge, reflect or wrap", c.node().describe(), mode);
  const auto pads = pad_amounts(c.node());
  if (c.has(2)) {
    c.require(c.dtype(2) == c.dtype(0), "the padding value must have the element type of the input");
    c.require(num_elements(c.shape(2)) == 1, "the padding value must be one number");
  }
  Shape shape = c.shape(0);
  for (size_t i = 0; i < shape.size(); ++i) {
    constexpr int64_t kLargest = int64_t{1} << 31;
    const int64_t before = pads[i], after = pads[shape.size() + i];
    c.require(before > -kLargest && before < kLargest && after > -kLargest && after < kLargest,
              fmt::format("padding {} and {} of axis {} is not sensible", before, after, i));
    c.require(mode == "constant" || shape[i] > 0 || (before <= 0 && after <= 0),
              fmt::format("axis {} is empty; mode {} has nothing to repeat", i, mode));
    shape[i] += before + after;
    c.require(shape[i] >= 0, "the padding leaves a negative extent");
  }
  c.set(0, c.dtype(0), shape);
}
QuantRule Pad::quant(const Node& node) {
  if (mode_of(node) == "constant" && !pads_with_zero(node))
    return float_only(node.input(2)->is_constant() ? "it pads with a value other than 0"
                                                   : "its padding value is computed at run time");
  if (node.input(0)->is_constant()) return float_only("its data is a constant, which it reads in float");
  return {QuantKind::passive, "", {0}, 0, true};
}
void Pad::lower(Lowering& lowering, const Node& node) {
  if (num_elements(node.outputs[0]->shape) > 0 && mode_of(node) != "constant")
    return lower_by_table(lowering, node);
  const auto pads = pad_amounts(node);
  const TensorId x = lowering.input(0);
  const TensorDesc in = lowering.desc(x);
  const TensorId y = lowering.output(node.outputs[0], in.order);
  const TensorDesc out = lowering.desc(y);
  emit_background(lowering, node, y);
  CopyParams copy{.extent = in.dims, .in_strides = in.strides(), .out_strides = out.strides()};
  for (size_t k = 0; k < in.rank(); ++k) {  // negative padding crops
    const int64_t before = pads[in.order[k]], after = pads[in.order[k] + in.rank()];
    copy.in_offset += std::max<int64_t>(-before, 0) * copy.in_strides[k];
    copy.out_offset += std::max<int64_t>(before, 0) * copy.out_strides[k];
    copy.extent[k] =
        std::max<int64_t>(in.dims[k] + std::min<int64_t>(before, 0) + std::min<int64_t>(after, 0), 0);
  }
  if (num_elements(copy.extent) > 0) lowering.emit(copy, {x}, {y});
}

}  // namespace openhb::ops
