// SPDX-License-Identifier: Apache-2.0
// Operators that are pools of another form, or are made of pools.
#include <algorithm>

#include "host/ops/plain.h"
#include "host/ops/pool.h"
#include "host/ops/rewriter.h"

namespace openhb::ops {
namespace {

Shape spatial_shape(const Node& node) {
  const Shape& shape = node.inputs[0]->shape;
  if (shape.size() < 3)
    fail(ErrorCode::model_bad_shape, "{}: its input {} has no spatial dimension", node.describe(),
         to_string(shape));
  return Shape(shape.begin() + 2, shape.end());
}

Value* spatial_axes(Rewriter& r, size_t count) {
  std::vector<int64_t> axes;
  for (size_t i = 0; i < count; ++i) axes.push_back(static_cast<int64_t>(i) + 2);
  return r.ints(axes);
}

}  // namespace

void GlobalMaxPool::upgrade(Rewriter& r, Node& node) {
  const Shape spatial = spatial_shape(node);
  const bool fits = spatial.size() <= 3 &&
                    std::all_of(spatial.begin(), spatial.end(), [](int64_t n) { return n <= 1 << 16; });
  if (fits)
    r.result("MaxPool", {node.inputs[0]}, {{"kernel_shape", spatial}});
  else
    r.result("ReduceMax", {node.inputs[0], spatial_axes(r, spatial.size())});
}

void GlobalLpPool::upgrade(Rewriter& r, Node& node) {
  const int64_t p = node.attr_int("p", 2);
  Value *x = node.inputs[0], *axes = spatial_axes(r, spatial_shape(node).size());
  if (p < 1 || p > 1000)
    fail(ErrorCode::model_bad_attribute, "{}: attribute 'p' holds {}, expected 1 to 1000", node.describe(),
         p);
  if (p == 1) return r.result("ReduceL1", {x, axes});
  if (p == 2) return r.result("ReduceL2", {x, axes});
  Value* powers = r.node("Pow", {r.node("Abs", {x}), r.scalar(static_cast<float>(p))});
  Value* sum = r.node("ReduceSum", {powers, axes});
  r.result("Pow", {sum, r.scalar(1.0f / static_cast<float>(p))});
}

// Zeros, into which the values are scattered; indices count in the whole tensor before any output_shape.
void MaxUnpool::upgrade(Rewriter& r, Node& node) {
  Value *x = node.inputs[0], *indices = node.inputs[1];
  const size_t n = spatial_shape(node).size();
  const auto kernel = node.attr_ints("kernel_shape", {}),
             strides = node.attr_ints("strides", std::vector<int64_t>(n, 1)),
             pads = node.attr_ints("pads", std::vector<int64_t>(2 * n, 0));
  if (kernel.size() != n || strides.size() != n || pads.size() != 2 * n)
    fail(ErrorCode::model_bad_attribute,
         "{}: kernel_shape, strides and pads have {}, {} and {} values, expected {}, {} and {}",
         node.describe(), kernel.size(), strides.size(), pads.size(), n, n, 2 * n);
  Shape shape = x->shape;
  for (size_t i = 0; i < n; ++i) {
    constexpr int64_t kLargest = 1 << 16;
    if (kernel[i] < 1 || kernel[i] > kLargest || strides[i] < 1 || strides[i] > kLargest || pads[i] < 0 ||
        pads[i] > kLargest || pads[n + i] < 0 || pads[n + i] > kLargest)
      fail(ErrorCode::model_bad_attribute, "{}: kernel_shape, strides or pads are out of range (0 to {})",
           node.describe(), kLargest);
    shape[i + 2] =
        checked_mul(std::max<int64_t>(shape[i + 2] - 1, 0), strides[i]) + kernel[i] - pads[i] - pads[n + i];
    if (shape[i + 2] < 1)
      fail(ErrorCode::model_bad_shape, "{}: its result would have extent {} along axis {}", node.describe(),
           shape[i + 2], i + 2);
  }
  const int64_t total = num_elements(shape);
  require_foldable(r, shape);
  Value *flat = r.ints({-1}), *zeros = r.constant(Tensor(DType::f32, {total}));
  Value* result =
      r.node("ScatterElements", {zeros, r.node("Reshape", {indices, flat}), r.node("Reshape", {x, flat})});
  if (!node.input(2)) return r.result("Reshape", {result, r.ints(shape)});
  const auto wanted = constant_ints(node, 2);
  if (wanted.size() != shape.size())
    fail(ErrorCode::model_bad_attribute, "{}: output_shape has {} values, expected {}", node.describe(),
         wanted.size(), shape.size());
  std::vector<int64_t> after(2 * shape.size(), 0);
  for (size_t i = 0; i < shape.size(); ++i) {
    if (wanted[i] < 1 || wanted[i] > int64_t{1} << 31)
      fail(ErrorCode::model_bad_shape, "{}: output_shape holds {}, expected 1 to 2^31", node.describe(),
           wanted[i]);
    after[shape.size() + i] = wanted[i] - shape[i];
  }
  r.result("Pad", {r.node("Reshape", {result, r.ints(shape)}), r.ints(after)});
}

// x / (bias + alpha * mean of the squares of `size` neighbouring channels) ^ beta.
void LRN::upgrade(Rewriter& r, Node& node) {
  Value* x = node.inputs[0];
  const Shape& shape = x->shape;
  const int64_t size = node.attr_int("size", 0);
  if (shape.size() < 2 || size < 1 || size > 1 << 16)
    fail(ErrorCode::model_bad_attribute, "{}: attribute 'size' holds {}, input {}", node.describe(), size,
         to_string(shape));
  // Channels as the height of a picture without channels.
  const int64_t inner = num_elements(Shape(shape.begin() + 2, shape.end()));
  Value* squares = r.node("Reshape", {r.node("Mul", {x, x}), r.ints({shape[0], 1, shape[1], inner})});
  const std::vector<int64_t> pads{(size - 1) / 2, 0, size / 2, 0};
  Value* means = r.node(
      "AveragePool", {squares},
      {{"kernel_shape", std::vector<int64_t>{size, 1}}, {"pads", pads}, {"count_include_pad", int64_t{1}}});
  Value* scaled =
      r.node("Mul", {r.node("Reshape", {means, r.ints(shape)}), r.scalar(node.attr_float("alpha", 0.0001f))});
  Value* base = r.node("Add", {scaled, r.scalar(node.attr_float("bias", 1.0f))});
  r.result("Div", {x, r.node("Pow", {base, r.scalar(node.attr_float("beta", 0.75f))})});
}

}  // namespace openhb::ops
