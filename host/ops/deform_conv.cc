// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "host/ops/plain.h"
#include "host/ops/sampling.h"

namespace openhb::ops {
namespace {

using compiler::Lowering;
using compiler::TensorId;

DeformSampleParams params_of(const Node& node) {
  DeformSampleParams p;
  const Shape& w = node.input(1)->shape;
  const auto fill = [&](std::string_view name, auto& target, std::vector<int64_t> fallback, int64_t least) {
    const auto list = node.attr_ints(name, std::move(fallback));
    if (list.size() != target.size())
      fail(ErrorCode::model_bad_attribute, "{}: attribute '{}' has {} values, expected {}", node.describe(),
           name, list.size(), target.size());
    for (size_t i = 0; i < list.size(); ++i) {
      if (list[i] < least || list[i] > 4096)
        fail(ErrorCode::model_bad_attribute, "{}: attribute '{}' holds {}, expected {} to 4096",
             node.describe(), name, list[i], least);
      target[i] = static_cast<int32_t>(list[i]);
    }
  };
  fill("kernel_shape", p.kernel, {w[2], w[3]}, 1);
  fill("strides", p.stride, {1, 1}, 1);
  fill("dilations", p.dilation, {1, 1}, 1);
  fill("pads", p.pads, {0, 0, 0, 0}, 0);
  const auto number = [&](std::string_view name) {
    const int64_t v = node.attr_int(name, 1);
    if (v < 1 || v > 1 << 16)
      fail(ErrorCode::model_bad_attribute, "{}: attribute '{}' holds {}, expected 1 to 65536",
           node.describe(), name, v);
    return static_cast<int32_t>(v);
  };
  p.groups = number("group");
  p.offset_groups = number("offset_group");
  return p;
}

}  // namespace

void DeformConv::infer(InferContext& c) {
  for (size_t i = 0; i < c.node().inputs.size(); ++i)
    if (c.has(i)) c.require_type(i, {DType::f32});
  c.require_support(c.rank(0) == 4 && c.rank(1) == 4 && c.rank(2) == 4,
                    "only two spatial dimensions are supported");
  const DeformSampleParams p = params_of(c.node());
  const Shape &x = c.shape(0), &w = c.shape(1);
  c.require(w[2] == p.kernel[0] && w[3] == p.kernel[1], "kernel_shape differs from the weights");
  c.require(x[1] == checked_mul(w[1], p.groups) && w[0] % p.groups == 0 && x[1] % p.offset_groups == 0,
            "group or offset_group does not fit the channels");
  Shape out{x[0], w[0], 0, 0};
  for (size_t i = 0; i < 2; ++i) {
    const int64_t span = int64_t{p.kernel[i] - 1} * p.dilation[i] + 1;
    const int64_t room = x[i + 2] + p.pads[i] + p.pads[i + 2] - span;
    c.require(room >= 0, fmt::format("a window of {} does not fit an extent of {}", span, x[i + 2]));
    out[i + 2] = room / p.stride[i] + 1;
  }
  const int64_t positions = int64_t{p.kernel[0]} * p.kernel[1] * p.offset_groups;
  c.require(c.shape(2) == Shape{x[0], 2 * positions, out[2], out[3]},
            fmt::format("the offsets must be {}", to_string({x[0], 2 * positions, out[2], out[3]})));
  if (c.has(3)) c.require(c.shape(3) == Shape{w[0]}, "there must be one bias per output channel");
  if (c.has(4))
    c.require(c.shape(4) == Shape{x[0], positions, out[2], out[3]},
              fmt::format("the mask must be {}", to_string({x[0], positions, out[2], out[3]})));
  c.set(0, DType::f32, out);
}
QuantRule DeformConv::quant(const Node&) {
  return float_only("it samples at computed positions before it multiplies, which runs in float");
}
// Samples as rows of a matrix, times the weights of each group.
void DeformConv::lower(Lowering& lowering, const Node& node) {
  const DeformSampleParams p = params_of(node);
  const Shape &w = node.input(1)->shape, &out = node.outputs[0]->shape;
  const compiler::Order order = compiler::channels_last(4);
  const auto last = [&](size_t i) { return lowering.in_order(lowering.native(node.input(i)), order); };
  std::vector<TensorId> inputs{last(0), last(2)};
  if (node.input(4)) inputs.push_back(last(4));
  const int64_t groups = p.groups, points = out[0] * out[2] * out[3], outputs = w[0] / groups;
  const int64_t kernel = w[2] * w[3], terms = kernel * w[1];
  const auto dense = [&](const Shape& dims) {
    return lowering.scratch(DType::f32, dims, compiler::identity_order(dims.size()));
  };
  const TensorId samples = dense({groups, points, terms});
  lowering.emit(p, inputs, {samples});
  // [groups * outputs, channels, kernel] becomes [groups, kernel * channels, outputs].
  const TensorId plain_weights =
      lowering.view(plain_native(lowering, node, 1), {groups, outputs, w[1], kernel});
  const TensorId weights =
      lowering.view(lowering.in_order(plain_weights, {0, 3, 2, 1}), {groups, terms, outputs});
  TensorId result = dense({groups, points, outputs});
  lowering.emit(MatMulParams{}, {samples, weights}, {result});
  if (node.input(3)) {
    const TensorId bias = lowering.view(plain_native(lowering, node, 3), {groups, 1, outputs});
    const TensorId sum = dense({groups, points, outputs});
    lowering.emit(BinaryParams{BinaryFunction::add}, {result, bias}, {sum});
    result = sum;
  }
  const TensorId y = lowering.output(node.outputs[0], order);
  if (num_elements(out) > 0)
    lowering.emit(CopyParams{{groups, points, outputs}, {points * outputs, outputs, 1}, {outputs, w[0], 1}},
                  {result}, {y});
}

}  // namespace openhb::ops
