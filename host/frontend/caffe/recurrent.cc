// SPDX-License-Identifier: Apache-2.0
// LSTM.
#include <algorithm>
#include <array>

#include "host/frontend/caffe/layer.h"

namespace openhb::caffe_frontend {
namespace {

constexpr int64_t kMostSteps = 1024;

struct Lstm {
  int64_t steps = 0, batch = 0, hidden = 0, features = 0;
  bool exposed = false, has_static = false;
};

// Rows of the gates input, forget, output, cell in ONNX's order: input, output, forget, cell.
std::vector<float> reordered(std::span<const float> rows) {
  constexpr std::array<size_t, 4> kOrder{0, 2, 1, 3};
  const size_t each = rows.size() / 4;
  std::vector<float> result;
  for (const size_t gate : kOrder) {
    const auto part = rows.subspan(gate * each, each);
    result.insert(result.end(), part.begin(), part.end());
  }
  return result;
}

// Without continuation markers it is ONNX's operator.
void whole(Layer& l, const Lstm& s) {
  const int64_t h = s.hidden, d = s.features;
  const auto gates = [&](size_t blob, const Shape& shape, const char* what) {
    const Tensor tensor = l.blob(blob, shape, what);
    return reordered(tensor.data<float>());
  };
  std::vector<float> biases = gates(1, {4 * h}, "biases");
  biases.resize(static_cast<size_t>(8 * h), 0.0f);
  Value* x = l.reshape(l.bottom(0), {s.steps, s.batch, d});
  Value* y = l.node(
      "LSTM",
      {x, l.constant("weights", Tensor::from<float>({1, 4 * h, d}, gates(0, {4 * h, d}, "weights"))),
       l.constant("recurrent", Tensor::from<float>({1, 4 * h, h}, gates(2, {4 * h, h}, "recurrent weights"))),
       l.constant("biases", Tensor::from<float>({1, 8 * h}, biases))},
      {s.steps, 1, s.batch, h}, {{"hidden_size", h}});
  l.top(0, l.reshape(y, {s.steps, s.batch, h}));
}

// x times the transposed weights of blob i, as [N, 4H].
Value* product(Layer& l, Value* x, Value* weights, Value* biases) {
  std::vector<Value*> operands{x, weights};
  if (biases) operands.push_back(biases);
  return l.node("Gemm", operands, {x->shape[0], weights->shape[0]}, {{"transB", int64_t{1}}});
}

// With markers, step by step: where a marker is 0 a sequence begins and the state before it does not count
// (Caffe: LSTMLayer::FillUnrolledNet, LSTMUnitLayer).
void unrolled(Layer& l, const Lstm& s) {
  const int64_t h = s.hidden, n = s.batch;
  const Shape row{n, 4 * h}, state{n, h};
  l.require(s.steps <= kMostSteps, "it has {} time steps, at most {} are supported", s.steps, kMostSteps);
  l.require_shape(l.shape(1) == Shape({s.steps, n}), "the markers (second bottom) must have the shape {}x{}",
                  s.steps, n);
  Value* x = product(l, l.reshape(l.bottom(0), {s.steps * n, s.features}),
                     l.weights(0, {4 * h, s.features}, "weights"), l.weights(1, {4 * h}, "biases"));
  Value* fixed = nullptr;
  if (s.has_static) {
    const Shape& from = l.shape(2);
    l.require_shape(from.size() >= 2 && from[0] == n, "the third bottom must have {} rows", n);
    const int64_t d = num_elements(from) / n;
    fixed = product(l, l.reshape(l.bottom(2), {n, d}), l.weights(2, {4 * h, d}, "static weights"), nullptr);
  }
  Value* recurrent = l.weights(s.has_static ? 3 : 2, {4 * h, h}, "recurrent weights");
  Value *hidden = nullptr, *cell = nullptr;
  if (s.exposed) {
    const size_t first = s.has_static ? 3 : 2;
    for (const size_t i : {first, first + 1})
      l.require_shape(l.shape(i) == Shape({1, n, h}), "the initial state must have the shape 1x{}x{}", n, h);
    hidden = l.reshape(l.bottom(first), state), cell = l.reshape(l.bottom(first + 1), state);
  }
  const auto cut = [&](Value* from, const Shape& each, size_t axis, int64_t parts) -> std::vector<Value*> {
    if (parts == 1) return {from};
    const std::vector<int64_t> sizes(static_cast<size_t>(parts), each[axis]);
    return l.nodes("Split", {from, l.ints(sizes)}, std::vector<Shape>(sizes.size(), each),
                   {{"axis", static_cast<int64_t>(axis)}});
  };
  const auto inputs = cut(x, row, 0, s.steps), markers = cut(l.bottom(1), {1, n}, 0, s.steps);
  std::vector<Value*> results;
  for (size_t t = 0; t < inputs.size(); ++t) {
    Value* sum = inputs[t];
    if (fixed) sum = l.node("Add", {sum, fixed}, row);
    Value* going_on = l.reshape(markers[t], {n, 1});
    if (hidden) {
      Value* before = l.node("Mul", {hidden, going_on}, state);
      sum = l.node("Add", {product(l, before, recurrent, nullptr), sum}, row);
    }
    const auto gates = cut(sum, state, 1, 4);
    const auto sigmoid = [&](size_t gate) { return l.node("Sigmoid", {gates[gate]}, state); };
    Value* next = l.node("Mul", {sigmoid(0), l.node("Tanh", {gates[3]}, state)}, state);
    if (cell) {
      Value* forget = l.node("Mul", {sigmoid(1), going_on}, state);
      next = l.node("Add", {l.node("Mul", {forget, cell}, state), next}, state);
    }
    cell = next;
    hidden = l.node("Mul", {sigmoid(2), l.node("Tanh", {cell}, state)}, state);
    results.push_back(l.reshape(hidden, {1, n, h}));
  }
  if (s.exposed) l.top(1, l.reshape(hidden, {1, n, h})), l.top(2, l.reshape(cell, {1, n, h}));
  l.top(0, results.size() == 1 ? results[0]
                               : l.node("Concat", results, {s.steps, n, h}, {{"axis", int64_t{0}}}));
}

void lstm(Layer& l) {
  const auto& p = l.param.recurrent_param();
  Lstm s;
  s.exposed = p.expose_hidden();
  const size_t least = s.exposed ? 4 : 1, most = s.exposed ? 5 : 3, bottoms = l.bottoms();
  l.require(bottoms >= least && bottoms <= most && l.tops() == (s.exposed ? 3u : 1u),
            "it has {} bottoms and {} tops; expected {} to {} and {} with expose_hidden: {}", bottoms,
            l.tops(), least, most, s.exposed ? 3 : 1, s.exposed);
  s.has_static = bottoms == most;
  l.require_shape(l.shape().size() >= 3, "its bottom must have the axes time, batch and features");
  s.steps = l.shape()[0], s.batch = l.shape()[1], s.hidden = p.num_output();
  s.features = num_elements(l.shape()) / s.steps / s.batch;
  l.require(s.hidden >= 1 && s.hidden <= (1 << 20), "num_output is {}", s.hidden);
  if (bottoms == 1) return whole(l, s);
  if (!s.exposed) l.notice("its state is 0 before every run; Caffe keeps it from one run to the next");
  unrolled(l, s);
}

constexpr LayerRow kRows[] = {{"LSTM", 1, 5, 1, 3, lstm}};

}  // namespace

std::span<const LayerRow> recurrent_layers() { return kRows; }

}  // namespace openhb::caffe_frontend
