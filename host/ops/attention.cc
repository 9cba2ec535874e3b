// SPDX-License-Identifier: Apache-2.0
#include "host/ops/attention.h"

#include <cmath>
#include <limits>

#include "host/ops/expand.h"

namespace openhb::ops {
namespace {

using namespace expand;

// [B, S, heads * D] to [B, heads, S, D]; a tensor of rank 4 is that already.
Value* by_head(Rewriter& r, Value* x, int64_t heads, const char* attribute) {
  const Node& node = r.node();
  if (x->shape.size() == 4) return x;
  require(node, x->shape.size() == 3, "queries, keys and values must have rank 3 or 4");
  require_attribute(
      node, heads >= 1 && x->shape[2] % heads == 0,
      fmt::format("attribute '{}' is {}, which does not divide {} channels", attribute, heads, x->shape[2]));
  return transpose(r, reshape(r, x, {x->shape[0], x->shape[1], heads, x->shape[2] / heads}), {0, 2, 1, 3});
}

// Each head of [B, heads, S, D] `times` times in a row.
Value* repeat_heads(Rewriter& r, Value* x, int64_t times) {
  if (times == 1) return x;
  const Shape s = x->shape;
  x = spread(r, reshape(r, x, {s[0], s[1], 1, s[2], s[3]}), {s[0], s[1], times, s[2], s[3]});
  return reshape(r, x, {s[0], s[1] * times, s[2], s[3]});
}

// 0 where allowed, -infinity elsewhere: the logarithm of 1 and 0.
Value* as_bias(Rewriter& r, Value* allowed) { return r.node("Log", {cast(r, allowed, DType::f32)}); }

Value* causal_bias(Rewriter& r, int64_t rows, int64_t columns, int64_t past) {
  Tensor bias(DType::f32, {rows, columns});
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = i + past + 1; j < columns; ++j)
      bias.data<float>()[static_cast<size_t>(i * columns + j)] = -std::numeric_limits<float>::infinity();
  return r.constant(std::move(bias));
}

// The caller's mask as something to add, its last axis filled up with "not allowed".
Value* mask_bias(Rewriter& r, Value* mask, int64_t columns) {
  if (mask->dtype == DType::boolean) mask = as_bias(r, mask);
  require_type(r.node(), 3, {DType::f32, DType::boolean});
  require(r.node(), !mask->shape.empty() && mask->shape.back() <= columns, "the mask is wider than the keys");
  const int64_t missing = mask->shape.back() == 1 ? 0 : columns - mask->shape.back();
  if (missing == 0) return mask;
  Shape fill = mask->shape;
  fill.back() = missing;
  Tensor closed(DType::f32, fill);
  for (float& v : closed.data<float>()) v = -std::numeric_limits<float>::infinity();
  return concat(r, {mask, r.constant(std::move(closed))}, std::ssize(fill) - 1);
}

// Keys beyond each sequence's own length.
Value* length_bias(Rewriter& r, Value* lengths, int64_t columns) {
  Tensor position(DType::f32, {columns});
  for (int64_t j = 0; j < columns; ++j)
    position.data<float>()[static_cast<size_t>(j)] = static_cast<float>(j);
  Value* left = reshape(r, cast(r, lengths, DType::f32), {lengths->shape[0], 1, 1, 1});
  left = sub(r, left, r.constant(std::move(position)));
  return r.node("Log", {r.node("Clip", {left, r.scalar(0), r.scalar(1)})});
}

}  // namespace

// In the order of the function body that ONNX gives (operator set 23).
void Attention::upgrade(Rewriter& r, Node& node) {
  for (size_t i = 0; i < 3; ++i) require_type(node, i, {DType::f32});
  const bool flat = node.input(0)->shape.size() == 3;
  Value* q = by_head(r, node.input(0), node.attr_int("q_num_heads", 0), "q_num_heads");
  Value* k = by_head(r, node.input(1), node.attr_int("kv_num_heads", 0), "kv_num_heads");
  Value* v = by_head(r, node.input(2), node.attr_int("kv_num_heads", 0), "kv_num_heads");
  int64_t past = 0;
  if (node.input(4) && node.input(5)) {
    past = node.input(4)->shape.size() == 4 ? node.input(4)->shape[2] : 0;
    k = concat(r, {node.input(4), k}, 2);
    v = concat(r, {node.input(5), v}, 2);
  }
  Value *present_key = k, *present_value = v;
  const int64_t heads = q->shape[1], kv_heads = k->shape[1], rows = q->shape[2], columns = k->shape[2];
  require(node, kv_heads >= 1 && v->shape[1] == kv_heads && heads % kv_heads == 0,
          fmt::format("{} query heads do not share {} key heads evenly", heads, kv_heads));
  require(node, q->shape[3] == k->shape[3] && v->shape[2] == columns, "queries, keys and values do not fit");
  k = repeat_heads(r, k, heads / kv_heads);
  v = repeat_heads(r, v, heads / kv_heads);

  // The scale is applied to both factors, half each.
  const float head = static_cast<float>(std::max<int64_t>(q->shape[3], 1));
  const float scale = node.attr_float("scale", 1.0f / std::sqrt(head));
  require_attribute(node, scale >= 0, "attribute 'scale' must not be negative");
  Value* root = r.scalar(std::sqrt(scale));
  Value* scores = matmul(r, mul(r, q, root), mul(r, transpose(r, k, {0, 1, 3, 2}), root));
  const int64_t mode = node.attr_int("qk_matmul_output_mode", 0);
  require_attribute(node, mode >= 0 && mode <= 3, "attribute 'qk_matmul_output_mode' must be 0 to 3");
  Value* shown = scores;
  // The cap comes before the masks, as in stock ONNX Runtime: a masked score must stay far away.
  if (const float cap = node.attr_float("softcap", 0); cap != 0) {
    Value* limit = r.scalar(cap);
    scores = mul(r, r.node("Tanh", {div(r, scores, limit)}), limit);
  }
  if (mode == 1) shown = scores;
  if (node.input(3)) scores = add(r, scores, mask_bias(r, node.input(3), columns));
  if (node.attr_int("is_causal", 0) != 0) scores = add(r, scores, causal_bias(r, rows, columns, past));
  if (node.input(6)) scores = add(r, scores, length_bias(r, node.input(6), columns));
  if (mode == 2) shown = scores;
  scores = r.node("Softmax", {scores}, {{"axis", int64_t{3}}});
  if (mode == 3) shown = scores;
  Value* y = matmul(r, scores, v);
  if (flat) {
    const Shape s = y->shape;
    y = reshape(r, transpose(r, y, {0, 2, 1, 3}), {s[0], s[2], s[1] * s[3]});
  }
  const size_t outputs = node.outputs.size();
  if (outputs > 1) r.result(1, present_key);
  if (outputs > 2) r.result(2, present_value);
  if (outputs > 3) r.result(3, shown);
  r.result(0, y);
}

void RotaryEmbedding::upgrade(Rewriter& r, Node& node) {
  require_type(node, 0, {DType::f32});
  Value* x = node.input(0);
  const Shape original = x->shape;
  const bool flat = original.size() == 3;
  require(node, flat || original.size() == 4, "the input must have rank 3 or 4");
  // [B, S, heads, D]
  if (flat) {
    const int64_t heads = node.attr_int("num_heads", 0);
    require_attribute(
        node, heads >= 1 && original[2] % heads == 0,
        fmt::format("attribute 'num_heads' is {}, which does not divide {} channels", heads, original[2]));
    x = reshape(r, x, {original[0], original[1], heads, original[2] / heads});
  } else {
    x = transpose(r, x, {0, 2, 1, 3});
  }
  const int64_t size = x->shape[3], set = node.attr_int("rotary_embedding_dim", 0),
                turned = set == 0 ? size : set, half = turned / 2;
  require_attribute(
      node, turned >= 2 && turned % 2 == 0 && turned <= size,
      fmt::format("attribute 'rotary_embedding_dim' is {}, expected an even number up to {}", turned, size));
  auto angles = [&](size_t i) {
    Value* cache = node.input(i);
    require_type(node, i, {DType::f32});
    if (node.input(3)) cache = r.node("Gather", {cache, node.input(3)}, {{"axis", int64_t{0}}});
    require(node, cache->shape == Shape{x->shape[0], x->shape[1], half},
            "the caches do not hold one angle per position and pair");
    return reshape(r, cache, {x->shape[0], x->shape[1], 1, half});
  };
  Value *cosine = angles(1), *sine = angles(2);
  const bool interleaved = node.attr_int("interleaved", 0) != 0;
  Value* first = interleaved ? slice(r, x, 3, 0, turned, 2) : slice(r, x, 3, 0, half);
  Value* second = interleaved ? slice(r, x, 3, 1, turned, 2) : slice(r, x, 3, half, turned);
  Value* real = sub(r, mul(r, cosine, first), mul(r, sine, second));
  Value* imaginary = add(r, mul(r, sine, first), mul(r, cosine, second));
  std::vector<Value*> parts{real, imaginary};
  if (interleaved) {
    Shape pair = real->shape;
    pair.push_back(1);
    Value* both = concat(r, {reshape(r, real, pair), reshape(r, imaginary, pair)}, 4);
    pair.pop_back();
    pair.back() = turned;
    parts = {reshape(r, both, pair)};
  }
  if (turned < size) parts.push_back(slice(r, x, 3, turned, size));
  Value* y = concat(r, parts, 3);
  r.result(0, flat ? reshape(r, y, original) : transpose(r, y, {0, 2, 1, 3}));
}

}  // namespace openhb::ops
