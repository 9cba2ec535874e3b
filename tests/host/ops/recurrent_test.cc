// SPDX-License-Identifier: Apache-2.0
// LSTM, GRU and RNN with all their attributes and optional inputs, against the equations of ONNX in double.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/host/compiler/small_graph.h"

namespace openhb {
namespace {

using test::SmallGraph;
using test::Value;

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

struct Cell {
  const char* op;
  int64_t gates;
};
constexpr Cell kCells[] = {{"RNN", 1}, {"GRU", 3}, {"LSTM", 4}};

// Element (d, row, column) of a [D, rows, columns] tensor; 0 when the tensor is empty.
double at(const Tensor& t, int64_t d, int64_t row, int64_t column) {
  if (t.size() == 0) return 0;
  const Shape& s = t.shape();
  return t.data<float>()[static_cast<size_t>((d * s[1] + row) * s[2] + column)];
}

struct Layer {
  int64_t cell, time, batch, inputs, units, directions;
  bool reset_after, input_forget;
  double clip;
  Tensor x, w, r, b, h, c, p;  // x [T, N, I]; states [D, N, H]; b [D, 1, 2GH]; p [D, 1, 3H]
  std::vector<int32_t> lengths;
  bool backward;

  double bounded(double v) const { return std::clamp(v, -clip, clip); }
  // X * W^T + H * R^T + Wb + Rb of one gate; with `apart` without the recurrent part.
  double gate(int64_t d, int64_t t, int64_t n, int64_t g, int64_t j, const std::vector<double>& state,
              int part = 3) const {
    const int64_t row = g * units + j, gates = kCells[cell].gates;
    double sum = 0;
    if (part & 1) {
      sum += at(b, d, 0, row);
      for (int64_t k = 0; k < inputs; ++k) sum += at(x, t, n, k) * at(w, d, row, k);
    }
    if (part & 2) {
      sum += at(b, d, 0, gates * units + row);
      for (int64_t k = 0; k < units; ++k) sum += state[static_cast<size_t>(k)] * at(r, d, row, k);
    }
    return sum;
  }
  // One sequence of one direction; y(t, unit, value) for each time step, then the last states.
  template <class F>
  void run(int64_t d, int64_t n, std::vector<double>& state, std::vector<double>& memory, F y) const {
    const auto size = static_cast<size_t>(units);
    state.resize(size), memory.resize(size);
    for (size_t j = 0; j < size; ++j)
      state[j] = at(h, d, n, static_cast<int64_t>(j)), memory[j] = at(c, d, n, static_cast<int64_t>(j));
    const int64_t steps = lengths.empty() ? time : lengths[static_cast<size_t>(n)];
    for (int64_t s = 0; s < steps; ++s) {
      const int64_t t = d == 1 || backward ? steps - 1 - s : s;
      std::vector<double> next(size), left = state;
      for (size_t i = 0; cell == 1 && !reset_after && i < size; ++i)
        left[i] *= sigmoid(bounded(gate(d, t, n, 1, static_cast<int64_t>(i), state)));
      for (size_t i = 0; i < size; ++i) {
        const auto j = static_cast<int64_t>(i);
        if (cell == 0) {
          next[i] = std::tanh(bounded(gate(d, t, n, 0, j, state)));
        } else if (cell == 1) {
          const double z = sigmoid(bounded(gate(d, t, n, 0, j, state)));
          const double reset = sigmoid(bounded(gate(d, t, n, 1, j, state)));
          const double pre = reset_after
                                 ? gate(d, t, n, 2, j, state, 1) + reset * gate(d, t, n, 2, j, state, 2)
                                 : gate(d, t, n, 2, j, left);
          next[i] = (1 - z) * std::tanh(bounded(pre)) + z * state[i];
        } else {
          auto peep = [&](int64_t which, double value) { return at(p, d, 0, which * units + j) * value; };
          const double in = sigmoid(bounded(gate(d, t, n, 0, j, state) + peep(0, memory[i])));
          const double forget =
              input_forget ? 1 - in : sigmoid(bounded(gate(d, t, n, 2, j, state) + peep(2, memory[i])));
          memory[i] = forget * memory[i] + in * std::tanh(bounded(gate(d, t, n, 3, j, state)));
          const double out = sigmoid(bounded(gate(d, t, n, 1, j, state) + peep(1, memory[i])));
          next[i] = out * std::tanh(bounded(memory[i]));
        }
      }
      state = next;
      for (size_t i = 0; i < size; ++i) y(t, static_cast<int64_t>(i), state[i]);
    }
  }
};

Tensor swapped(const Tensor& t) {  // first two axes of rank 3
  const Shape& s = t.shape();
  Tensor y(DType::f32, {s[1], s[0], s[2]});
  for (int64_t i = 0; i < s[0]; ++i)
    for (int64_t j = 0; j < s[1]; ++j)
      for (int64_t k = 0; k < s[2]; ++k)
        y.data<float>()[static_cast<size_t>((j * s[0] + i) * s[2] + k)] = static_cast<float>(at(t, i, j, k));
  return y;
}

void check(uint32_t seed) {
  SmallGraph g(seed, 14);
  Layer l{};
  l.cell = g.integer(0, 2);
  l.time = g.integer(1, 4), l.batch = g.integer(1, 6), l.inputs = g.integer(1, 5), l.units = g.integer(1, 20);
  const int64_t way = g.integer(0, 2), gates = kCells[l.cell].gates;
  l.directions = way == 2 ? 2 : 1, l.backward = way == 1;
  l.reset_after = l.cell == 1 && g.integer(0, 1), l.input_forget = l.cell == 2 && g.integer(0, 3) == 0;
  l.clip = g.integer(0, 2) == 0 ? 0.5 : 1e30;
  const bool batch_first = g.integer(0, 1) != 0;
  const int64_t d = l.directions, rows = gates * l.units;
  l.x = g.data({l.time, l.batch, l.inputs});
  l.w = g.data({d, rows, l.inputs}), l.r = g.data({d, rows, l.units});
  if (g.integer(0, 3)) l.b = g.data({d, 1, 2 * rows});
  if (g.integer(0, 1)) l.h = g.data({d, l.batch, l.units});
  if (l.cell == 2 && g.integer(0, 1)) l.c = g.data({d, l.batch, l.units});
  if (l.cell == 2 && g.integer(0, 1)) l.p = g.data({d, 1, 3 * l.units});
  if (g.integer(0, 1))
    for (int64_t n = 0; n < l.batch; ++n) l.lengths.push_back(static_cast<int32_t>(g.integer(1, l.time)));

  std::vector<Tensor> fed;
  auto operand = [&](const Tensor& t, bool computed) -> Value* {
    if (t.size() == 0) return nullptr;
    if (!computed) return g.graph.add_constant("", t);
    fed.push_back(t);
    Value* v = g.input(t.shape());
    v->dtype = t.dtype();
    return v;
  };
  auto laid_out = [&](const Tensor& t) { return batch_first && t.size() ? swapped(t) : t; };
  const bool computed = g.integer(0, 2) == 0;  // the weights too
  auto flat = [&](const Tensor& t) { return t.size() ? t.reshaped({d, t.shape()[2]}) : t; };
  std::vector<Value*> inputs{operand(laid_out(l.x), true), operand(l.w, computed), operand(l.r, computed),
                             operand(flat(l.b), computed)};
  inputs.push_back(l.lengths.empty() ? nullptr
                                     : operand(Tensor::from<int32_t>({l.batch}, l.lengths), g.integer(0, 1)));
  inputs.push_back(operand(laid_out(l.h), true));
  if (l.cell == 2) inputs.insert(inputs.end(), {operand(laid_out(l.c), true), operand(flat(l.p), computed)});
  const char* directions[] = {"forward", "reverse", "bidirectional"};
  std::map<std::string, graph::Attribute> attributes{{"hidden_size", l.units},
                                                     {"direction", std::string(directions[way])},
                                                     {"layout", int64_t{batch_first}}};
  if (l.clip < 1) attributes["clip"] = static_cast<float>(l.clip);
  if (l.cell == 1) attributes["linear_before_reset"] = int64_t{l.reset_after};
  if (l.cell == 2) attributes["input_forget"] = int64_t{l.input_forget};
  test::Node* node = g.node(kCells[l.cell].op, inputs, attributes, l.cell == 2 ? 3 : 2);
  for (Value* v : node->outputs) g.graph.outputs.push_back(v);
  ops::infer_shapes(g.graph);
  const auto results = test::run_float(g.graph, fed);

  std::vector<std::vector<double>> expected(3);
  auto put = [&](size_t output, const Shape& index, double value) {
    const Shape& s = g.graph.outputs[output]->shape;
    expected[output].resize(results[output].size(), 0.0);
    int64_t i = 0;
    for (size_t k = 0; k < s.size(); ++k) i = i * s[k] + index[k];
    expected[output][static_cast<size_t>(i)] = value;
  };
  for (int64_t k = 0; k < d; ++k)
    for (int64_t n = 0; n < l.batch; ++n) {
      std::vector<double> state, memory;
      l.run(k, n, state, memory, [&](int64_t t, int64_t j, double v) {
        put(0, batch_first ? Shape{n, t, k, j} : Shape{t, k, n, j}, v);
      });
      for (int64_t j = 0; j < l.units; ++j) {
        const Shape index = batch_first ? Shape{n, k, j} : Shape{k, n, j};
        put(1, index, state[static_cast<size_t>(j)]);
        if (l.cell == 2) put(2, index, memory[static_cast<size_t>(j)]);
      }
    }
  for (size_t o = 0; o < results.size(); ++o)
    for (size_t i = 0; i < results[o].size(); ++i)
      ASSERT_NEAR(results[o].data<float>()[i], expected[o][i], 2e-5)
          << kCells[l.cell].op << ", seed " << seed << ", output " << o << ", element " << i;
}

TEST(Recurrent, EqualsTheEquations) {
  for (uint32_t seed = 0; seed < 150 && !HasFatalFailure(); ++seed) check(seed);
}

// Lists of alpha and beta that skip functions without, and lists that do not, mean the same.
TEST(Recurrent, ActivationParameters) {
  const Tensor x = Tensor::from<float>({1, 1, 1}, {0.7f}), w = Tensor::from<float>({1, 3, 1}, {1, 2, -3}),
               r = Tensor::from<float>({1, 3, 1}, {0, 0, 0});
  auto run = [&](std::vector<std::string> names, std::vector<float> alpha, std::vector<float> beta) {
    SmallGraph g(1, 14);
    g.output(g.value("GRU", {g.input({1, 1, 1}), g.graph.add_constant("w", w), g.graph.add_constant("r", r)},
                     {{"activations", names}, {"activation_alpha", alpha}, {"activation_beta", beta}}));
    return test::run_float(g.graph, {x})[0].data<float>()[0];
  };
  // z = HardSigmoid(0.7), h = LeakyRelu(-2.1), y = (1 - z) h
  EXPECT_NEAR(run({"HardSigmoid", "LeakyRelu"}, {0.5f, 0.1f}, {0.25f}), (1 - 0.6) * -0.21, 1e-6);
  EXPECT_NEAR(run({"hardsigmoid", "leakyrelu"}, {}, {}), (1 - 0.64) * -0.021, 1e-6);
  EXPECT_NEAR(run({"Sigmoid", "LeakyRelu"}, {0.1f}, {}), (1 - sigmoid(0.7)) * -0.21, 1e-6);
  EXPECT_NEAR(run({"Sigmoid", "LeakyRelu"}, {9.0f, 0.1f}, {}), (1 - sigmoid(0.7)) * -0.21, 1e-6);
  EXPECT_THROW(run({"Sigmoid"}, {}, {}), Error);
  EXPECT_THROW(run({"Sigmoid", "Nonsense"}, {}, {}), Error);
}

TEST(Recurrent, WrongShapesAreNamed) {
  auto build = [](Shape x, Shape w, Shape r, std::map<std::string, graph::Attribute> attributes) {
    SmallGraph g(1, 14);
    g.output(g.value("LSTM", {g.input(x), g.weights(w), g.weights(r)}, std::move(attributes)));
  };
  EXPECT_NO_THROW(build({2, 1, 3}, {1, 8, 3}, {1, 8, 2}, {}));
  EXPECT_THROW(build({2, 3}, {1, 8, 3}, {1, 8, 2}, {}), Error);
  EXPECT_THROW(build({2, 1, 4}, {1, 8, 3}, {1, 8, 2}, {}), Error);
  EXPECT_THROW(build({2, 1, 3}, {1, 8, 3}, {1, 8, 2}, {{"direction", std::string("bidirectional")}}), Error);
  EXPECT_THROW(build({2, 1, 3}, {1, 8, 3}, {1, 8, 2}, {{"direction", std::string("sideways")}}), Error);
  EXPECT_THROW(build({2, 1, 3}, {1, 8, 3}, {1, 8, 2}, {{"hidden_size", int64_t{3}}}), Error);
  EXPECT_THROW(build({2, 1, 3}, {1, 8, 3}, {1, 8, 2}, {{"clip", -1.0f}}), Error);
  EXPECT_THROW(build({0, 1, 3}, {1, 8, 3}, {1, 8, 2}, {}), Error);
}

}  // namespace
}  // namespace openhb
