// SPDX-License-Identifier: Apache-2.0
#include "host/ops/signal.h"

#include <cmath>

#include "common/math/functions.h"
#include "host/ops/expand.h"

namespace openhb::ops {
namespace {

using namespace expand;

constexpr double kTwoPi = 6.283185307179586;
constexpr int64_t kLargestMatrix = int64_t{1} << 26;

// cos and sin of 2 pi k / n; reduced exactly first.
double cosine(int64_t k, int64_t n) {
  return math::cos_moderate(kTwoPi * static_cast<double>(k % n) / static_cast<double>(n));
}
double sine(int64_t k, int64_t n) {
  return math::sin_moderate(kTwoPi * static_cast<double>(k % n) / static_cast<double>(n));
}

int64_t scalar_int(const Node& node, size_t input) {
  const auto list = constant_ints(node, input);
  require(node, list.size() == 1, fmt::format("input {} must be one number", input));
  return list[0];
}

float scalar_float(const Node& node, size_t input) {
  const Value* v = node.input(input);
  if (!v->is_constant())
    fail(ErrorCode::model_dynamic_shape, "{}: its input {} must be constant", node.describe(), input);
  require_type(node, input, {DType::f32});
  require(node, v->constant->size() == 1, fmt::format("input {} must be one number", input));
  return v->constant->data<float>()[0];
}

// [n, parts, m, 2]: real or complex values times e^(-2 pi i k j / n), or its inverse.
Tensor dft_matrix(int64_t n, int64_t parts, int64_t m, bool inverse) {
  Tensor t(DType::f32, {n * parts, m * 2});
  const auto out = t.data<float>();
  const double factor = inverse ? 1.0 / static_cast<double>(n) : 1.0;
  size_t i = 0;
  for (int64_t k = 0; k < n; ++k)
    for (int64_t part = 0; part < parts; ++part)
      for (int64_t j = 0; j < m; ++j) {
        const double c = cosine(k * j, n) * factor, s = (inverse ? 1 : -1) * sine(k * j, n) * factor;
        // (x + iy)(c + is) = (xc - ys) + i(xs + yc)
        out[i++] = static_cast<float>(part == 0 ? c : -s);
        out[i++] = static_cast<float>(part == 0 ? s : c);
      }
  return t;
}

// A constant that nothing computes, in the wanted element type.
void give(Rewriter& r, const Node& node, Tensor tensor) {
  const DType dtype = dtype_of_onnx(node, node.attr_int("output_datatype", 1));
  r.result(0, cast(r, r.constant(std::move(tensor)), dtype));
}

}  // namespace

void Dft::upgrade(Rewriter& r, Node& node) {
  require_type(node, 0, {DType::f32});
  Value* x = node.input(0);
  const size_t rank = x->shape.size();
  require(node, rank >= 2 && (x->shape.back() == 1 || x->shape.back() == 2),
          "the last axis must hold 1 (real) or 2 (complex) parts");
  // The axis was an attribute until opset 19.
  const bool listed = node.input(2) != nullptr;
  const int64_t given = listed ? scalar_int(node, 2) : node.attr_int("axis", r.opset() < 20 ? 1 : -2);
  const int64_t axis = axis_of(node, given, rank);
  require_attribute(node, axis + 1 < static_cast<int64_t>(rank), "the axis must not be that of the parts");
  const auto at = static_cast<size_t>(axis);
  const int64_t n = node.input(1) ? scalar_int(node, 1) : x->shape[at], parts = x->shape.back();
  const bool inverse = node.attr_int("inverse", 0) != 0, onesided = node.attr_int("onesided", 0) != 0;
  require_attribute(node, !(inverse && onesided), "inverse and onesided exclude each other");
  require_attribute(node, !onesided || parts == 1, "only a real signal has a one-sided transform");
  require(node, n >= 1 && n <= kLargestMatrix, fmt::format("a transform of length {} is not possible", n));
  const int64_t m = onesided ? n / 2 + 1 : n;
  require_support(node, checked_mul(checked_mul(n, m), 2 * parts) <= kLargestMatrix,
                  fmt::format("a transform of length {} is too long for a matrix product; up to 4096 always "
                              "fit",
                              n));
  Shape after(rank, 0);
  after[at] = std::max<int64_t>(n - x->shape[at], 0);
  x = pad(r, slice(r, x, axis, 0, std::min(n, x->shape[at])), Shape(rank, 0), after);
  std::vector<int64_t> perm, back(rank);
  for (size_t i = 0; i + 1 < rank; ++i)
    if (i != at) perm.push_back(static_cast<int64_t>(i));
  perm.insert(perm.end(), {axis, static_cast<int64_t>(rank) - 1});
  for (size_t i = 0; i < rank; ++i) back[static_cast<size_t>(perm[i])] = static_cast<int64_t>(i);
  x = transpose(r, x, perm);
  Shape shape(x->shape.begin(), x->shape.end() - 2), rows = shape;
  rows.push_back(n * parts);
  shape.insert(shape.end(), {m, 2});
  Value* y = matmul(r, reshape(r, x, rows), r.constant(dft_matrix(n, parts, m, inverse)));
  r.result(0, transpose(r, reshape(r, y, shape), back));
}

void Stft::upgrade(Rewriter& r, Node& node) {
  require_type(node, 0, {DType::f32});
  Value *x = node.input(0), *window = node.input(2);
  require(node, x->shape.size() == 3 || x->shape.size() == 2, "the signal must be [batch, length, parts]");
  if (x->shape.size() == 2) x = reshape(r, x, {x->shape[0], x->shape[1], 1});
  const int64_t step = scalar_int(node, 1), length = x->shape[1];
  const int64_t frame = node.input(3) ? scalar_int(node, 3) : window ? num_elements(window->shape) : 0;
  require(node, frame >= 1 && frame <= length && step >= 1,
          fmt::format("frames of {} every {} do not fit a signal of {}", frame, step, length));
  if (window) {
    require_type(node, 2, {DType::f32});
    require(node, window->shape == Shape{frame}, "the window must have the length of a frame");
  }
  const int64_t frames = (length - frame) / step + 1;
  require_support(node, checked_mul(frames, frame) <= kLargestMatrix, "its frames are too many");
  Tensor indices(DType::i64, {frames, frame});
  for (int64_t i = 0; i < frames; ++i)
    for (int64_t j = 0; j < frame; ++j)
      indices.data<int64_t>()[static_cast<size_t>(i * frame + j)] = i * step + j;
  Value* y = r.node("Gather", {x, r.constant(std::move(indices))}, {{"axis", int64_t{1}}});
  if (window) y = mul(r, y, reshape(r, window, {frame, 1}));
  const bool onesided = node.attr_int("onesided", 1) != 0 && y->shape.back() == 1;
  Tensor axis(DType::i64, {});
  axis.data<int64_t>()[0] = 2;
  r.result("DFT", {y, nullptr, r.constant(std::move(axis))}, {{"onesided", int64_t{onesided}}});
}

void expand_window(Rewriter& r, const Node& node, const WindowRow& row) {
  const int64_t size = scalar_int(node, 0);
  require(node, size >= 0 && size <= kLargestMatrix, fmt::format("a window of {} is not possible", size));
  const int64_t n = std::max<int64_t>(node.attr_int("periodic", 1) != 0 ? size : size - 1, 1);
  Tensor t(DType::f32, {size});
  for (int64_t i = 0; i < size; ++i)
    t.data<float>()[static_cast<size_t>(i)] =
        static_cast<float>(row.constant - row.first * cosine(i, n) + row.second * cosine(2 * i, n));
  give(r, node, std::move(t));
}

// Triangles over the bins of a spectrum, evenly spaced in mel (ONNX MelWeightMatrix-17).
void MelWeightMatrix::upgrade(Rewriter& r, Node& node) {
  const int64_t bands = scalar_int(node, 0), length = scalar_int(node, 1), rate = scalar_int(node, 2);
  const double lower = static_cast<double>(scalar_float(node, 3)),
               upper = static_cast<double>(scalar_float(node, 4));
  require(node, bands >= 1 && bands <= (1 << 16) && length >= 1 && length <= (1 << 24) && rate >= 1,
          "bands, transform length and sample rate must be positive");
  require(node, lower >= 0 && upper >= lower && std::isfinite(upper), "the edge frequencies are not a range");
  const int64_t bins = length / 2 + 1;
  require_support(node, checked_mul(bins, bands) <= kLargestMatrix, "the matrix is too large");
  const double low = 2595 * std::log10(1 + lower / 700), high = 2595 * std::log10(1 + upper / 700);
  const double step = (high - low) / static_cast<double>(bands + 2);
  std::vector<int64_t> edges;
  for (int64_t i = 0; i < bands + 2; ++i) {
    const double hertz = 700 * (std::pow(10.0, (static_cast<double>(i) * step + low) / 2595) - 1);
    edges.push_back(static_cast<int64_t>(
        std::floor(static_cast<double>(length + 1) * hertz / static_cast<double>(rate))));
  }
  require(node, edges.back() <= bins, "the upper edge lies beyond half the sample rate");
  Tensor t(DType::f32, {bins, bands});
  auto at = [&](int64_t bin, int64_t band) -> float& {
    return t.data<float>()[static_cast<size_t>(std::min(bin, bins - 1) * bands + band)];
  };
  for (int64_t i = 0; i < bands; ++i) {
    const auto b = edges.begin() + i;
    const int64_t left = b[0], centre = b[1], right = b[2];
    if (centre == left) at(centre, i) = 1;
    for (int64_t j = left; centre > left && j <= std::min(centre, bins - 1); ++j)
      at(j, i) = static_cast<float>(static_cast<double>(j - left) / static_cast<double>(centre - left));
    for (int64_t j = centre; right > centre && j < std::min(right, bins); ++j)
      at(j, i) = static_cast<float>(static_cast<double>(right - j) / static_cast<double>(right - centre));
  }
  give(r, node, std::move(t));
}

}  // namespace openhb::ops
