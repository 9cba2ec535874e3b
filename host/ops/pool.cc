// SPDX-License-Identifier: Apache-2.0
#include "host/ops/pool.h"

#include "host/compiler/lowering.h"
#include "host/ops/window.h"

namespace openhb::ops {
namespace {

using compiler::Lowering;

void infer_pool(InferContext& c) {
  c.require_type(0, {DType::f32});
  c.require(c.rank(0) == 3 || c.rank(0) == 4, "the input must have rank 3 or 4 (1-D or 2-D pooling)");
  c.set(0, c.dtype(0), window_of(c.node(), c.shape(0), {}).output_shape(c.shape(0), c.shape(0)[1], c));
}

void lower_pool(Lowering& lowering, const Node& node, PoolMode mode) {
  const Shape& shape = node.input(0)->shape;
  const compiler::Order order = compiler::channels_last(shape.size());
  const bool widens = mode != PoolMode::max && lowering.int16();
  const compiler::TensorId stored = widens ? lowering.as_int16(node.input(0)) : lowering.input(0);
  const compiler::TensorId x = spatial_view(lowering, lowering.in_order(stored, order));
  const compiler::TensorId y = spatial_view(lowering, lowering.output(node.outputs[0], order));
  PoolParams p{.mode = mode};
  if (mode != PoolMode::global_average) {
    const Window w = window_of(node, shape, {});
    p.kernel = w.kernel, p.stride = w.stride, p.dilation = w.dilation, p.pads = w.pads;
    p.count_include_pad = node.attr_int("count_include_pad", 0) != 0 ? 1 : 0;
    // ceil_mode: windows reach past the declared padding; say so to the step.
    for (size_t d = 0; d < 2; ++d) {
      const int64_t in = lowering.desc(x).dims[d + 1], out = lowering.desc(y).dims[d + 1];
      const int64_t reach =
          (out - 1) * p.stride[d] + int64_t{p.kernel[d] - 1} * p.dilation[d] + 1 - in - p.pads[d];
      p.pads[d + 2] = static_cast<int32_t>(std::max<int64_t>(p.pads[d + 2], reach));
    }
  }
  lowering.emit(p, {x}, {y});
}

}  // namespace

void MaxPool::infer(InferContext& c) {
  c.require_support(c.node().outputs.size() == 1, "the second output of MaxPool (indices) is not supported");
  infer_pool(c);
}
QuantRule MaxPool::quant(const Node&) { return {QuantKind::passive, "", {0}, 0, true}; }
void MaxPool::lower(Lowering& lowering, const Node& node) { lower_pool(lowering, node, PoolMode::max); }

void AveragePool::infer(InferContext& c) { infer_pool(c); }
QuantRule AveragePool::quant(const Node&) { return {QuantKind::arithmetic, "", {0}, 0, true}; }
void AveragePool::lower(Lowering& lowering, const Node& node) {
  lower_pool(lowering, node, PoolMode::average);
}

void GlobalAveragePool::infer(InferContext& c) {
  c.require_type(0, {DType::f32});
  c.require(c.rank(0) == 3 || c.rank(0) == 4, "the input must have rank 3 or 4 (1-D or 2-D pooling)");
  Shape shape = c.shape(0);
  for (size_t i = 2; i < shape.size(); ++i) shape[i] = 1;
  c.set(0, c.dtype(0), shape);
}
QuantRule GlobalAveragePool::quant(const Node&) { return {QuantKind::arithmetic, "", {0}, 0, true}; }
void GlobalAveragePool::lower(Lowering& lowering, const Node& node) {
  lower_pool(lowering, node, PoolMode::global_average);
}

}  // namespace openhb::ops
