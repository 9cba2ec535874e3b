// SPDX-License-Identifier: Apache-2.0
// Recurrent: every cell and option against the equations written out, one element at a time.
#include "common/math/recurrent.h"
#include "device/kernels/recurrent/recurrent.h"
#include "tests/device/steps/harness.h"

namespace openhb::test {
namespace {

using A = RecurrentActivation;

template <int... I>
float activation_of(int32_t which, float x, float alpha, float beta, std::integer_sequence<int, I...>) {
  float y = 0;
  ((which == I ? void(y = math::recurrent_activation<static_cast<A>(I)>(x, alpha, beta)) : void()), ...);
  return y;
}

// What a step needs besides its parameters; absent tensors are empty.
struct Layer {
  RecurrentParams p;
  int64_t time = 1, batch = 1, directions = 1, gates = 1, width = 16;
  Tensor x, w, state, constants, cell, bias, peepholes, lengths;

  int64_t units() const { return p.hidden; }
  float act(int64_t d, int64_t which, float v) const {
    const float* c = constants.data<float>().data() + (d * 3 + which) * 2;
    if (v < -p.clip) v = -p.clip;
    if (v > p.clip) v = p.clip;
    return activation_of(p.activations[static_cast<size_t>(d * 3 + which)], v, c[0], c[1],
                         std::make_integer_sequence<int, math::kRecurrentActivations>());
  }
  // start + sum over k in ascending order.
  float chain(float start, int64_t d, int64_t g, int64_t j, const std::vector<float>& h) const {
    for (int64_t k = 0; k < units(); ++k)
      start = std::fma(h[static_cast<size_t>(k)], w.data<float>()[flat(w.shape(), {d, g, j / 16, k, j % 16})],
                       start);
    return start;
  }
  float peep(int64_t d, int64_t which, int64_t j, float c, float v) const {
    return p.peepholes ? std::fma(peepholes.data<float>()[flat(peepholes.shape(), {d, which, j})], c, v) : v;
  }

  void run(int64_t d, int64_t n, Tensor& y) const {
    const auto size = static_cast<size_t>(units());
    std::vector<float> h(size), c(size);
    for (int64_t j = 0; j < units(); ++j) {
      h[static_cast<size_t>(j)] = state.data<float>()[flat(state.shape(), {d, n, j})];
      if (p.cell == RecurrentCell::lstm)
        c[static_cast<size_t>(j)] = cell.data<float>()[flat(cell.shape(), {d, n, j})];
    }
    const int64_t steps =
        p.lengths ? std::clamp<int64_t>(lengths.data<int32_t>()[static_cast<size_t>(n)], 0, time) : time;
    for (int64_t s = 0; s < steps; ++s) {
      const int64_t t = p.reverse || d == 1 ? steps - 1 - s : s;
      auto in = [&](int64_t g, int64_t j) {
        return x.data<float>()[flat(x.shape(), {t, n, (d * gates + g) * width + j})];
      };
      std::vector<float> next(size), reset(size);
      if (p.cell == RecurrentCell::gru)
        for (int64_t j = 0; j < units(); ++j)
          reset[static_cast<size_t>(j)] = act(d, 0, chain(in(1, j), d, 1, j, h));
      std::vector<float> left = h;
      if (!p.linear_before_reset)
        for (size_t j = 0; j < size; ++j) left[j] = reset[j] * h[j];
      for (int64_t j = 0; j < units(); ++j) {
        const auto i = static_cast<size_t>(j);
        if (p.cell == RecurrentCell::rnn) {
          next[i] = act(d, 0, chain(in(0, j), d, 0, j, h));
        } else if (p.cell == RecurrentCell::gru) {
          const float z = act(d, 0, chain(in(0, j), d, 0, j, h));
          const float pre =
              p.linear_before_reset
                  ? std::fma(reset[i], chain(bias.data<float>()[flat(bias.shape(), {d, j})], d, 2, j, h),
                             in(2, j))
                  : chain(in(2, j), d, 2, j, left);
          const float fresh = (1.0f - z) * act(d, 1, pre);
          next[i] = std::fma(z, h[i], fresh);
        } else {
          const float gi = act(d, 0, peep(d, 0, j, c[i], chain(in(0, j), d, 0, j, h)));
          const float gf =
              p.input_forget ? 1.0f - gi : act(d, 0, peep(d, 2, j, c[i], chain(in(2, j), d, 2, j, h)));
          const float fresh = gi * act(d, 1, chain(in(3, j), d, 3, j, h));
          c[i] = std::fma(gf, c[i], fresh);
          next[i] = act(d, 0, peep(d, 1, j, c[i], chain(in(1, j), d, 1, j, h))) * act(d, 2, c[i]);
        }
      }
      h = next;
      for (int64_t j = 0; j < units(); ++j)
        y.data<float>()[flat(y.shape(), {t, d, n, j})] = h[static_cast<size_t>(j)];
    }
    for (int64_t j = 0; j < units(); ++j) {
      y.data<float>()[flat(y.shape(), {time, d, n, j})] = h[static_cast<size_t>(j)];
      if (p.cell == RecurrentCell::lstm)
        y.data<float>()[flat(y.shape(), {time + 1, d, n, j})] = c[static_cast<size_t>(j)];
    }
  }
};

Layer random_layer() {
  Layer l;
  l.p.cell = static_cast<RecurrentCell>(random_int(0, 2));
  const bool lstm = l.p.cell == RecurrentCell::lstm;
  l.p.hidden = static_cast<int32_t>(chance(70) ? random_int(1, 20) : random_int(21, 150));
  l.time = random_int(1, 5), l.batch = random_int(1, 9), l.directions = random_int(1, 2);
  l.gates = lstm ? 4 : l.p.cell == RecurrentCell::gru ? 3 : 1;
  l.width = (l.units() + 15) / 16 * 16;
  l.p.reverse = l.directions == 1 && chance(30);
  l.p.linear_before_reset = l.p.cell == RecurrentCell::gru && chance(50);
  l.p.input_forget = lstm && chance(25), l.p.peepholes = lstm && chance(40), l.p.lengths = chance(40);
  l.p.clip = chance(30) ? random_float(0, 2) : INFINITY;
  for (int32_t& f : l.p.activations)
    f = static_cast<int32_t>(chance(50) ? random_int(0, 1) : random_int(0, math::kRecurrentActivations - 1));
  l.x = random_tensor(DType::f32, {l.time, l.batch, l.directions * l.gates * l.width});
  l.w = random_tensor(DType::f32, {l.directions, l.gates, l.width / 16, l.units(), 16}, 0.5f);
  l.state = random_tensor(DType::f32, {l.directions, l.batch, l.units()}, 1.0f);
  l.constants = random_tensor(DType::f32, {l.directions, 3, 2}, 1.5f);
  l.cell = random_tensor(DType::f32, {l.directions, l.batch, l.units()}, 1.0f);
  l.bias = random_tensor(DType::f32, {l.directions, l.width});
  l.peepholes = random_tensor(DType::f32, {l.directions, 3, l.width}, 1.0f);
  l.lengths = Tensor(DType::i32, {l.batch});
  for (int32_t& n : l.lengths.data<int32_t>()) n = static_cast<int32_t>(random_int(-1, l.time + 1));
  return l;
}

StepCase<RecurrentParams> step_of(const Layer& l) {
  StepCase<RecurrentParams> c;
  const auto gap = [] { return chance(50) ? 0 : random_int(1, 5); };
  c.params = l.p;
  c.input(l.x, {}, gap());
  c.input(l.w);
  c.input(l.state, {}, gap());
  c.constant(l.constants);
  if (l.p.cell == RecurrentCell::lstm) c.input(l.cell, {}, gap());
  if (l.p.linear_before_reset) c.input(l.bias, {}, gap());
  if (l.p.peepholes) c.input(l.peepholes, {}, gap());
  if (l.p.lengths) c.input(l.lengths);
  c.output(DType::f32, {l.time + (l.p.cell == RecurrentCell::lstm ? 2 : 1), l.directions, l.batch, l.units()},
           {}, gap());
  return c;
}

TEST(Recurrent, EqualsTheEquations) {
  for (int round = 0; round < 200; ++round) {
    const Layer l = random_layer();
    StepCase<RecurrentParams> c = step_of(l);
    Tensor expected(DType::f32, c.out().dims);
    for (int64_t d = 0; d < l.directions; ++d)
      for (int64_t n = 0; n < l.batch; ++n) l.run(d, n, expected);
    expect_same<float>(expected, c.run_everywhere(),
                       fmt::format("cell {}, {} units, {} sequences, {} directions",
                                   static_cast<int>(l.p.cell), l.units(), l.batch, l.directions));
    if (HasFatalFailure()) return;
  }
}

TEST(Recurrent, RefusesWhatDoesNotFit) {
  const auto invalid = [](const char* why, auto change) {
    Layer l = random_layer();
    l.p = {};
    l.p.cell = RecurrentCell::gru;
    l.p.hidden = 5, l.p.clip = INFINITY;
    l.time = 3, l.batch = 2, l.directions = 2, l.gates = 3, l.width = 16;
    l.x = random_tensor(DType::f32, {3, 2, 96}), l.w = random_tensor(DType::f32, {2, 3, 1, 5, 16});
    l.state = random_tensor(DType::f32, {2, 2, 5}), l.constants = random_tensor(DType::f32, {2, 3, 2});
    step_of(l).validate();
    change(l);
    step_of(l).expect_invalid(why);
  };
  invalid("hidden", [](Layer& l) { l.p.hidden = 6; });
  invalid("time", [](Layer& l) { l.time = 4; });
  invalid("batch", [](Layer& l) { l.x = random_tensor(DType::f32, {3, 1, 96}); });
  invalid("gates", [](Layer& l) { l.x = random_tensor(DType::f32, {3, 2, 80}); });
  invalid("weights", [](Layer& l) { l.w = random_tensor(DType::f32, {2, 3, 1, 4, 16}); });
  invalid("state", [](Layer& l) { l.state = random_tensor(DType::f32, {2, 2, 6}); });
  invalid("activation", [](Layer& l) { l.p.activations[5] = 99; });
  invalid("clip", [](Layer& l) { l.p.clip = -1; });
  invalid("clip", [](Layer& l) { l.p.clip = NAN; });
  invalid("peepholes", [](Layer& l) { l.p.peepholes = 1; });
  invalid("both backward", [](Layer& l) { l.p.reverse = 1; });
}

}  // namespace
}  // namespace openhb::test
