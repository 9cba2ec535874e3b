// SPDX-License-Identifier: Apache-2.0
#include "host/ops/normalization.h"

#include <limits>

#include "host/ops/convolution.h"
#include "host/ops/expand.h"

namespace openhb::ops {
namespace {

using namespace expand;

// A list of channel parameters as [C, 1, ...] so that it broadcasts along axis 1 of a tensor of this rank.
Value* per_channel(Rewriter& r, Value* list, size_t rank) {
  Shape shape(rank - 1, 1);
  shape[0] = num_elements(list->shape);
  return reshape(r, list, shape);
}

struct Moments {
  Value *mean, *centred, *variance;
};
Moments moments(Rewriter& r, Value* x, const std::vector<int64_t>& axes) {
  Value* mean = reduce(r, "ReduceMean", x, axes);
  Value* centred = sub(r, x, mean);
  return {mean, centred, reduce(r, "ReduceMean", mul(r, centred, centred), axes)};
}

Value* inverse_deviation(Rewriter& r, Value* variance, float epsilon) {
  return r.node("Reciprocal", {r.node("Sqrt", {add(r, variance, r.scalar(epsilon))})});
}

std::vector<int64_t> axes_from(size_t first, size_t rank) {
  std::vector<int64_t> axes;
  for (size_t i = first; i < rank; ++i) axes.push_back(static_cast<int64_t>(i));
  return axes;
}

float epsilon_of(const Node& node, float fallback = 1e-5f) { return node.attr_float("epsilon", fallback); }

void require_channels(const Node& node, size_t input, int64_t channels, std::string_view what) {
  require_type(node, input, {DType::f32});
  require(node, node.input(input)->shape == Shape{channels}, what);
}

}  // namespace

void expand_batch_norm(Rewriter& r, const Node& node, bool training) {
  Value* x = node.input(0);
  const size_t rank = x->shape.size();
  require_type(node, 0, {DType::f32});
  require(node, rank >= 2, "the input must have a channel axis");
  for (size_t i = 1; i < 5; ++i)
    require_channels(node, i, x->shape[1], "parameters must have one value per channel");
  Value *mean = node.input(3), *variance = node.input(4);
  const float momentum = node.attr_float("momentum", 0.9f);
  Value *new_mean = nullptr, *new_variance = nullptr;
  if (training) {
    std::vector<int64_t> axes{0};
    for (size_t i = 2; i < rank; ++i) axes.push_back(static_cast<int64_t>(i));
    const Moments m = moments(r, x, axes);
    auto running = [&](Value* before, Value*& now) {
      now = reshape(r, now, before->shape);
      return add(r, mul(r, before, r.scalar(momentum)), mul(r, now, r.scalar(1.0f - momentum)));
    };
    Value *batch_mean = m.mean, *batch_variance = m.variance;
    new_mean = running(mean, batch_mean);
    new_variance = running(variance, batch_variance);
    mean = batch_mean, variance = batch_variance;
  }
  Value* scale = mul(r, node.input(1), inverse_deviation(r, variance, epsilon_of(node)));
  Value* centred = sub(r, x, per_channel(r, mean, rank));
  Value* y = add(r, mul(r, centred, per_channel(r, scale, rank)), per_channel(r, node.input(2), rank));
  const size_t outputs = node.outputs.size();
  require_support(node, training || outputs == 1,
                  "its statistics are outputs, but it is not in training mode; export the model again");
  require_support(node, outputs <= 3, "only three outputs exist since opset 14; export the model again");
  if (outputs > 1) r.result(1, new_mean);
  if (outputs > 2) r.result(2, new_variance);
  r.result(0, y);
}

void InstanceNormalization::upgrade(Rewriter& r, Node& node) {
  Value* x = node.input(0);
  const size_t rank = x->shape.size();
  require_type(node, 0, {DType::f32});
  require(node, rank >= 3, "the input must have rank 3 or more");
  for (size_t i = 1; i < 3; ++i)
    require_channels(node, i, x->shape[1], "parameters must have one value per channel");
  const Moments m = moments(r, x, axes_from(2, rank));
  Value* y = mul(r, m.centred, inverse_deviation(r, m.variance, epsilon_of(node)));
  r.result("Add", {mul(r, y, per_channel(r, node.input(1), rank)), per_channel(r, node.input(2), rank)});
}

void LayerNormalization::upgrade(Rewriter& r, Node& node) {
  Value* x = node.input(0);
  require_type(node, 0, {DType::f32});
  const auto axis = static_cast<size_t>(axis_of(node, node.attr_int("axis", -1), x->shape.size()));
  const Moments m = moments(r, x, axes_from(axis, x->shape.size()));
  Value* inverse = inverse_deviation(r, m.variance, epsilon_of(node));
  Value* y = mul(r, mul(r, m.centred, inverse), node.input(1));
  if (node.input(2)) y = add(r, y, node.input(2));
  require(node, y->shape == x->shape, "scale and bias do not broadcast to the input");
  const size_t outputs = node.outputs.size();
  if (outputs > 1) r.result(1, m.mean);
  if (outputs > 2) r.result(2, inverse);
  r.result(0, y);
}

// Scale and bias are per group in opset 18 to 20, per channel since.
void GroupNormalization::upgrade(Rewriter& r, Node& node) {
  Value* x = node.input(0);
  const Shape shape = x->shape;
  require_type(node, 0, {DType::f32});
  const int64_t groups = node.attr_int("num_groups", 0);
  require(node, shape.size() >= 3, "the input must have rank 3 or more");
  require_attribute(
      node, groups >= 1 && shape[1] % groups == 0,
      fmt::format("attribute 'num_groups' is {}, which does not divide {} channels", groups, shape[1]));
  const int64_t parameters = r.opset() >= 21 ? shape[1] : groups;
  for (size_t i = 1; i < 3; ++i)
    require_channels(node, i, parameters,
                     fmt::format("scale and bias must have {} values in this opset", parameters));
  auto channels = [&](size_t i) {
    Value* v = reshape(r, node.input(i), {parameters, 1});
    v = spread(r, v, {parameters, shape[1] / parameters});
    return per_channel(r, v, shape.size());
  };
  const int64_t inner = num_elements(shape) / std::max<int64_t>(shape[0] * groups, 1);
  const Moments m = moments(r, reshape(r, x, {shape[0], groups, inner}), {2});
  Value* y = mul(r, m.centred, inverse_deviation(r, m.variance, epsilon_of(node)));
  r.result("Add", {mul(r, reshape(r, y, shape), channels(1)), channels(2)});
}

void RmsNormalization::upgrade(Rewriter& r, Node& node) {
  Value* x = node.input(0);
  require_type(node, 0, {DType::f32});
  const auto axis = static_cast<size_t>(axis_of(node, node.attr_int("axis", -1), x->shape.size()));
  Value* square = reduce(r, "ReduceMean", mul(r, x, x), axes_from(axis, x->shape.size()));
  r.result("Mul", {mul(r, x, inverse_deviation(r, square, epsilon_of(node))), node.input(1)});
}

void MeanVarianceNormalization::upgrade(Rewriter& r, Node& node) {
  Value* x = node.input(0);
  require_type(node, 0, {DType::f32});
  std::vector<int64_t> axes = node.attr_ints("axes", {0, 2, 3});
  for (int64_t& a : axes) a = axis_of(node, a, x->shape.size());
  const Moments m = moments(r, x, axes);
  r.result("Div", {m.centred, add(r, r.node("Sqrt", {m.variance}), r.scalar(1e-9f))});
}

void LpNormalization::upgrade(Rewriter& r, Node& node) {
  Value* x = node.input(0);
  require_type(node, 0, {DType::f32});
  const int64_t p = node.attr_int("p", 2);
  require_attribute(node, p == 1 || p == 2, fmt::format("attribute 'p' is {}, expected 1 or 2", p));
  const int64_t axis = axis_of(node, node.attr_int("axis", -1), x->shape.size());
  Value* norm = reduce(r, p == 1 ? "ReduceL1" : "ReduceL2", x, {axis});
  // All zeros stay zeros, as in stock ONNX Runtime.
  r.result("Div", {x, r.node("Max", {norm, r.scalar(std::numeric_limits<float>::min())})});
}

}  // namespace openhb::ops
