// SPDX-License-Identifier: Apache-2.0
// Element-wise arithmetic of several blobs, products with weights that follow an axis, reductions.
#include <algorithm>
#include <array>

#include "host/frontend/caffe/layer.h"

namespace openhb::caffe_frontend {
namespace {

void eltwise(Layer& l) {
  const auto& p = l.param.eltwise_param();
  const auto n = l.bottoms();
  for (size_t i = 1; i < n; ++i)
    l.require_shape(l.shape(i) == l.shape(0), "all bottoms must have the same shape");
  l.require(p.coeff_size() == 0 || static_cast<size_t>(p.coeff_size()) == n,
            "eltwise_param has {} coeff for {} bottoms", p.coeff_size(), n);
  using Op = caffe::EltwiseParameter;
  l.require(p.coeff_size() == 0 || p.operation() == Op::SUM, "coeff is for operation SUM only");
  const auto coeff = [&](size_t i) { return p.coeff_size() == 0 ? 1.0f : p.coeff(static_cast<int>(i)); };
  constexpr std::array<const char*, 3> kOps{"Mul", "Add", "Max"};
  const std::string op = kOps[static_cast<size_t>(p.operation())];
  const auto scaled = [&](size_t i, float factor) {
    return factor == 1.0f ? l.bottom(i) : l.node("Mul", {l.bottom(i), l.scalar(factor)}, l.shape());
  };
  Value* sum = scaled(0, coeff(0));
  for (size_t i = 1; i < n; ++i) {
    const bool minus = coeff(i) == -1.0f;
    sum = l.node(minus ? "Sub" : op, {sum, scaled(i, minus ? 1.0f : coeff(i))}, l.shape());
  }
  l.top(0, sum);
}

// The shape that lines `inner` up with `axis` of the first bottom.
Shape along(const Layer& l, const Shape& inner, size_t axis) {
  Shape shape = inner;
  shape.resize(std::max(inner.size(), l.shape().size() - axis), 1);
  return shape;
}

// The extents that a Scale or Bias layer without a second bottom learns.
Shape learned(const Layer& l, size_t axis, int64_t num_axes) {
  const auto rest = static_cast<int64_t>(l.shape().size() - axis);
  l.require(num_axes >= -1 && num_axes <= rest, "num_axes is {}, expected -1 to {}", num_axes, rest);
  const auto first = l.shape().begin() + static_cast<std::ptrdiff_t>(axis);
  return {first, num_axes == -1 ? l.shape().end() : first + num_axes};
}

// The second operand: another bottom, or blob 0.
Value* operand(Layer& l, size_t axis, int64_t num_axes, const std::string& what) {
  if (l.bottoms() == 1) {
    const Shape shape = learned(l, axis, num_axes);
    return l.constant(what, l.blob(0, shape, what).reshaped(along(l, shape, axis)));
  }
  const Shape& other = l.shape(1);
  bool fits = axis + other.size() <= l.shape().size();
  for (size_t i = 0; fits && i < other.size(); ++i) fits = other[i] == l.shape()[axis + i];
  l.require_shape(fits, "the second bottom does not match the first from axis {} on", axis);
  return l.reshape(l.bottom(1), along(l, other, axis));
}

void scale(Layer& l) {
  const auto& p = l.param.scale_param();
  const size_t axis = l.axis(p.axis());
  Value* y = l.node("Mul", {l.bottom(0), operand(l, axis, p.num_axes(), "scales")}, l.shape());
  if (p.bias_term()) {
    const bool given = l.bottoms() == 2;  // then the biases are the only blob
    const Shape shape = given ? l.shape(1) : learned(l, axis, p.num_axes());
    Tensor biases = l.blob(given ? 0 : 1, shape, "biases");
    y = l.node("Add", {y, l.constant("biases", biases.reshaped(along(l, shape, axis)))}, l.shape());
  }
  l.top(0, y);
}

void bias(Layer& l) {
  const auto& p = l.param.bias_param();
  const size_t axis = l.axis(p.axis());
  l.top(0, l.node("Add", {l.bottom(0), operand(l, axis, p.num_axes(), "biases")}, l.shape()));
}

// a * x + y, with one factor per channel.
void axpy(Layer& l) {
  l.require_shape(l.shape(1) == l.shape(2) && l.shape(0).size() >= 2 && l.shape(1).size() >= 2 &&
                      l.shape(0)[0] == l.shape(1)[0] && l.shape(0)[1] == l.shape(1)[1] &&
                      l.shape(0)[0] * l.shape(0)[1] == num_elements(l.shape(0)),
                  "it needs factors [N, C, 1, 1] and two blobs of one shape [N, C, ...]");
  Shape factors(l.shape(1).size(), 1);
  factors[0] = l.shape(0)[0], factors[1] = l.shape(0)[1];
  Value* product = l.node("Mul", {l.reshape(l.bottom(0), factors), l.bottom(1)}, l.shape(1));
  l.top(0, l.node("Add", {product, l.bottom(2)}, l.shape(1)));
}

void reduction(Layer& l) {
  const auto& p = l.param.reduction_param();
  constexpr std::array<const char*, 8> kOps{"ReduceSum", "ReduceL1",     "ReduceSumSquare", "ReduceMean",
                                            "ReduceMax", "ReduceLogSum", "ReduceMin",       "ReduceProd"};
  const size_t axis = l.axis(p.axis());
  std::vector<int64_t> axes;
  for (size_t i = axis; i < l.shape().size(); ++i) axes.push_back(static_cast<int64_t>(i));
  const Shape kept(l.shape().begin(), l.shape().begin() + static_cast<std::ptrdiff_t>(axis));
  Value* y = l.node(kOps[static_cast<size_t>(p.operation()) - 1], {l.bottom(0), l.ints(axes)}, kept,
                    {{"keepdims", int64_t{0}}});
  l.top(0, p.coeff() == 1.0f ? y : l.node("Mul", {y, l.scalar(p.coeff())}, kept));
}

void matmul(Layer& l) {
  const Shape &a = l.shape(0), &b = l.shape(1);
  l.require_shape(a.size() >= 2 && b.size() >= 2 && a.back() == b[b.size() - 2],
                  "the last axis of the first bottom must fit the last but one of the second");
  Shape y(std::max(a.size(), b.size()));
  for (size_t i = 2; i < y.size(); ++i) {
    const int64_t m = i < a.size() ? a[a.size() - 1 - i] : 1, n = i < b.size() ? b[b.size() - 1 - i] : 1;
    l.require_shape(m == n || m == 1 || n == 1, "the leading axes do not fit");
    y[y.size() - 1 - i] = m == 1 ? n : m;
  }
  y[y.size() - 2] = a[a.size() - 2], y.back() = b.back();
  l.top(0, l.node("MatMul", {l.bottom(0), l.bottom(1)}, y));
}

// Of equal values Caffe takes the one with the largest index.
void arg_max(Layer& l) {
  const auto& p = l.param.argmax_param();
  const size_t rank = l.shape().size();
  const bool has_axis = p.has_axis();
  Value* x = l.bottom(0);
  size_t axis = 2;
  if (has_axis) {
    axis = l.axis(p.axis());
  } else {
    l.require_shape(rank >= 1, "its bottom needs a batch axis");
    x = l.reshape(x, {x->shape[0], 1, num_elements(x->shape) / x->shape[0]});
  }
  const int64_t extent = x->shape[axis], k = p.top_k();
  l.require(k >= 1 && k <= extent, "top_k is {}, expected 1 to {}", k, extent);
  Shape best = x->shape;
  best[axis] = k;
  const Attributes on_axis{{"axis", static_cast<int64_t>(axis)}};
  const bool want_values = p.out_max_val(), want_indices = !has_axis || !want_values;
  Value *indices = nullptr, *values = nullptr;
  if (k == 1) {
    if (want_indices) {
      Attributes attributes = on_axis;
      attributes["select_last_index"] = int64_t{1};
      indices = l.node("ArgMax", {x}, best, attributes, DType::i64);
    }
    if (want_values)
      values =
          l.node("ReduceMax", {x, l.ints({static_cast<int64_t>(axis)})}, best, {{"keepdims", int64_t{1}}});
  } else {
    // TopK takes the smallest index of equal values: turned around, that is the largest.
    const auto a = static_cast<int64_t>(axis);
    Value* turned =
        l.node("Slice", {x, l.ints({-1}), l.ints({-extent - 1}), l.ints({a}), l.ints({-1})}, x->shape);
    const auto found = l.nodes("TopK", {turned, l.ints({k})}, {best, best}, on_axis);
    found[1]->dtype = DType::i64;
    values = found[0];
    if (want_indices) {
      const Tensor last = Tensor::from<int64_t>({}, std::vector<int64_t>{extent - 1});
      indices = l.node("Sub", {l.constant("last", last), found[1]}, best, {}, DType::i64);
    }
  }
  if (want_indices) indices = l.node("Cast", {indices}, best, {{"to", int64_t{1}}});
  if (has_axis) return l.top(0, want_values ? values : indices);
  if (!want_values) return l.top(0, indices);
  l.top(0, l.node("Concat", {indices, values}, {best[0], 2, k}, {{"axis", int64_t{1}}}));
}

constexpr LayerRow kRows[] = {
    {"ArgMax", 1, 1, 1, 1, arg_max},     {"Axpy", 3, 3, 1, 1, axpy},     {"Bias", 1, 2, 1, 1, bias},
    {"Eltwise", 2, kAny, 1, 1, eltwise}, {"MatMul", 2, 2, 1, 1, matmul}, {"Reduction", 1, 1, 1, 1, reduction},
    {"Scale", 1, 2, 1, 1, scale},
};

}  // namespace

std::span<const LayerRow> arithmetic_layers() { return kRows; }

}  // namespace openhb::caffe_frontend
