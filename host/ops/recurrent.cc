// SPDX-License-Identifier: Apache-2.0
// RNN, GRU, LSTM: one convolution multiplies the inputs of all time steps, then one Recurrent step.
#include "host/ops/recurrent.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "host/compiler/lowering.h"
#include "host/ops/pack.h"

namespace openhb::ops {
namespace {

using compiler::Lowering;
using compiler::TensorId;

struct ActivationRow {
  std::string_view name;  // lower case
  RecurrentActivation function;
  bool has_alpha, has_beta;
  float alpha, beta;  // when the model gives none
};
using enum RecurrentActivation;
constexpr std::array kActivations{
    ActivationRow{"sigmoid", sigmoid, false, false, 0, 0},
    ActivationRow{"tanh", tanh, false, false, 0, 0},
    ActivationRow{"relu", relu, false, false, 0, 0},
    ActivationRow{"affine", affine, true, true, 1, 0},
    ActivationRow{"leakyrelu", leaky_relu, true, false, 0.01f, 0},
    ActivationRow{"thresholdedrelu", thresholded_relu, true, false, 1, 0},
    ActivationRow{"scaledtanh", scaled_tanh, true, true, 1, 1},
    ActivationRow{"hardsigmoid", hard_sigmoid, true, true, 0.2f, 0.5f},
    ActivationRow{"elu", elu, true, false, 1, 0},
    ActivationRow{"softsign", softsign, false, false, 0, 0},
    ActivationRow{"softplus", softplus, false, false, 0, 0},
};

// Positions of the inputs behind X, W, R, B, sequence_lens.
constexpr size_t kBias = 3, kLengths = 4, kState = 5, kCell = 6, kPeepholes = 7;

struct Layer {
  RecurrentCell cell;
  int64_t time, batch, inputs, units, directions, gates;
  bool batch_first, reverse;
  int64_t functions() const { return cell == RecurrentCell::lstm ? 3 : cell == RecurrentCell::gru ? 2 : 1; }
};

Layer layer_of(const Node& node, RecurrentCell cell) {
  const Shape &x = node.input(0)->shape, &r = node.input(2)->shape;
  const std::string direction = node.attr_string("direction", "forward");
  if (direction != "forward" && direction != "reverse" && direction != "bidirectional")
    fail(ErrorCode::model_bad_attribute,
         "{}: attribute 'direction' is '{}', expected forward, reverse or bidirectional", node.describe(),
         direction);
  const bool batch_first = node.attr_int("layout", 0) != 0;
  return {cell,
          x[batch_first ? 1 : 0],
          x[batch_first ? 0 : 1],
          x[2],
          r[2],
          direction == "bidirectional" ? 2 : 1,
          cell == RecurrentCell::lstm  ? 4
          : cell == RecurrentCell::gru ? 3
                                       : 1,
          batch_first,
          direction == "reverse"};
}

const ActivationRow& activation_named(const Node& node, std::string name) {
  std::ranges::transform(name, name.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c; });
  for (const ActivationRow& row : kActivations)
    if (row.name == name) return row;
  fail(ErrorCode::model_bad_attribute,
       "{}: attribute 'activations' names '{}', expected Sigmoid, Tanh, Relu, Affine, LeakyRelu, "
       "ThresholdedRelu, ScaledTanh, HardSigmoid, Elu, Softsign or Softplus",
       node.describe(), name);
}

// The activations of all directions with their alpha and beta [D, 3, 2]. ONNX leaves open whether the lists
// of alpha and beta skip functions that take none: a full list does not, a shorter one does.
Tensor activations_of(const Node& node, const Layer& layer, RecurrentParams& params) {
  const int64_t each = layer.functions(), count = each * layer.directions;
  std::vector<std::string> names;
  if (const auto it = node.attributes.find("activations"); it != node.attributes.end())
    if (const auto* list = std::get_if<std::vector<std::string>>(&it->second)) names = *list;
  if (names.empty())
    for (int64_t i = 0; i < count; ++i)
      names.push_back(layer.cell != RecurrentCell::rnn && i % each == 0 ? "Sigmoid" : "Tanh");
  if (std::ssize(names) != count)
    fail(ErrorCode::model_bad_attribute, "{}: attribute 'activations' has {} names, expected {}",
         node.describe(), names.size(), count);
  const auto alphas = node.attr_floats("activation_alpha", {}),
             betas = node.attr_floats("activation_beta", {});
  Tensor constants(DType::f32, {layer.directions, 3, 2});
  size_t next_alpha = 0, next_beta = 0;
  for (size_t i = 0; i < names.size(); ++i) {
    const ActivationRow& row = activation_named(node, names[i]);
    auto pick = [&](const std::vector<float>& list, bool takes, size_t& next, float fallback) {
      const size_t at = list.size() == names.size() ? i : next;
      if (takes) ++next;
      return takes && at < list.size() ? list[at] : fallback;
    };
    const size_t at = i / static_cast<size_t>(each) * 3 + i % static_cast<size_t>(each);
    params.activations[at] = static_cast<int32_t>(row.function);
    constants.data<float>()[2 * at] = pick(alphas, row.has_alpha, next_alpha, row.alpha);
    constants.data<float>()[2 * at + 1] = pick(betas, row.has_beta, next_beta, row.beta);
  }
  return constants;
}

RecurrentParams params_of(const Node& node, const Layer& layer) {
  RecurrentParams p;
  p.cell = layer.cell;
  p.hidden = static_cast<int32_t>(layer.units);
  p.reverse = layer.reverse;
  p.linear_before_reset = layer.cell == RecurrentCell::gru && node.attr_int("linear_before_reset", 0) != 0;
  p.input_forget = layer.cell == RecurrentCell::lstm && node.attr_int("input_forget", 0) != 0;
  p.peepholes = layer.cell == RecurrentCell::lstm && node.input(kPeepholes) != nullptr;
  p.clip = node.attr_float("clip", std::numeric_limits<float>::infinity());
  return p;
}

// [D, G, P] of the gates' biases, and [D, P] of the hidden product's own bias where a GRU has one.
struct Biases {
  TensorId gates, hidden = 0;
};
Biases biases_of(Lowering& lowering, const Node& node, const Layer& layer, bool separate) {
  const int64_t d = layer.directions, g = layer.gates, p = (layer.units + 15) / 16 * 16;
  const Value* b = node.input(kBias);
  if (!b) {
    const TensorId zeros = lowering.constant(Tensor(DType::f32, {d * g * p}));
    return {zeros, separate ? lowering.constant(Tensor(DType::f32, {d, p})) : 0};
  }
  const int64_t half = g * p, summed = (separate ? g - 1 : g) * p;
  if (b->is_constant()) {
    std::vector<float> sum(static_cast<size_t>(d * half)), own(static_cast<size_t>(d * p));
    const auto data = b->constant->data<float>();
    for (int64_t i = 0; i < d * g; ++i)
      for (int64_t j = 0; j < layer.units; ++j) {
        const auto from = static_cast<size_t>((i / g * 2 * g + i % g) * layer.units + j);
        const float w = data[from], r = data[from + static_cast<size_t>(g * layer.units)];
        const bool apart = separate && i % g == g - 1;
        sum[static_cast<size_t>(i * p + j)] = apart ? w : w + r;
        if (apart) own[static_cast<size_t>(i / g * p + j)] = r;
      }
    return {lowering.constant<float>({d * half}, sum), separate ? lowering.constant<float>({d, p}, own) : 0};
  }
  const TensorId rows = padded_rows(lowering, b, d * 2 * g, layer.units);  // [D, 2, G] of P
  auto part = [&](int64_t first, int64_t width, int64_t total) {           // of each direction, zero behind
    const TensorId to = lowering.scratch(DType::f32, {d, total}, {0, 1});
    if (width < total) lowering.emit(FillParams{0}, {}, {to});
    lowering.emit(CopyParams{{d, width}, {2 * half, 1}, {total, 1}, first, 0}, {rows}, {to});
    return to;
  };
  const TensorId sum = lowering.scratch(DType::f32, {d, half}, {0, 1});
  lowering.emit(BinaryParams{BinaryFunction::add, 0, 0, 0}, {part(0, half, half), part(half, summed, half)},
                {sum});
  return {lowering.view(sum, {d * half}), separate ? part(2 * half - p, p, p) : 0};
}

// An initial state as [D, N, H]; zero when absent.
TensorId state_of(Lowering& lowering, const Value* value, const Layer& layer) {
  const Shape dims{layer.directions, layer.batch, layer.units};
  if (!value) return lowering.constant(Tensor(DType::f32, dims));
  const compiler::Order order = layer.batch_first ? compiler::Order{1, 0, 2} : compiler::Order{0, 1, 2};
  return lowering.view(lowering.in_order(lowering.native(value), order), dims);
}

}  // namespace

void infer_recurrent(InferContext& c, RecurrentCell cell) {
  for (size_t i = 0; i < 3; ++i) {
    c.require_type(i, {DType::f32});
    c.require(c.rank(i) == 3, "X, W and R must have rank 3");
  }
  const Layer l = layer_of(c.node(), cell);
  c.require(l.time >= 1 && l.batch >= 1, "there is no time step or no sequence");
  c.require(l.units >= 1 && l.units <= (1 << 16), "the hidden size must be 1 to 65536");
  c.require(c.node().attr_int("hidden_size", l.units) == l.units,
            fmt::format("attribute 'hidden_size' is {}, but R has {}", c.node().attr_int("hidden_size", 0),
                        l.units));
  const int64_t rows = checked_mul(l.gates, l.units);
  c.require(c.shape(1) == Shape{l.directions, rows, l.inputs},
            fmt::format("W must be {}", to_string({l.directions, rows, l.inputs})));
  c.require(c.shape(2) == Shape{l.directions, rows, l.units},
            fmt::format("R must be {}", to_string({l.directions, rows, l.units})));
  auto optional = [&](size_t i, const char* name, const Shape& shape, DType dtype = DType::f32) {
    if (!c.has(i)) return;
    c.require_type(i, {dtype});
    c.require(c.shape(i) == shape, fmt::format("{} must be {}", name, to_string(shape)));
  };
  const Shape state =
      l.batch_first ? Shape{l.batch, l.directions, l.units} : Shape{l.directions, l.batch, l.units};
  optional(kBias, "B", {l.directions, 2 * rows});
  optional(kLengths, "sequence_lens", {l.batch}, DType::i32);
  optional(kState, "initial_h", state);
  if (cell == RecurrentCell::lstm) {
    optional(kCell, "initial_c", state);
    optional(kPeepholes, "P", {l.directions, 3 * l.units});
  }
  RecurrentParams params = params_of(c.node(), l);
  c.require(params.clip >= 0, "attribute 'clip' must not be negative");
  activations_of(c.node(), l, params);
  c.set(0, DType::f32,
        l.batch_first ? Shape{l.batch, l.time, l.directions, l.units}
                      : Shape{l.time, l.directions, l.batch, l.units});
  c.set(1, DType::f32, state);
  if (cell == RecurrentCell::lstm) c.set(2, DType::f32, state);
}

void lower_recurrent(Lowering& lowering, const Node& node, RecurrentCell cell) {
  const Layer l = layer_of(node, cell);
  RecurrentParams params = params_of(node, l);
  const TensorId constants = lowering.constant(activations_of(node, l, params));
  const int64_t pixels = l.time * l.batch, d = l.directions, width = (l.units + 15) / 16 * 16;
  const int64_t outputs = d * l.gates * width;
  const float infinity = std::numeric_limits<float>::infinity();

  const compiler::Order order = l.batch_first ? compiler::Order{1, 0, 2} : compiler::Order{0, 1, 2};
  const TensorId x = lowering.view(lowering.in_order(lowering.input(0), order), {1, 1, pixels, l.inputs});
  const TensorId w = packed_weights(lowering, node.input(1), d * l.gates, l.units, l.inputs, 1);
  const Biases biases = biases_of(lowering, node, l, params.linear_before_reset != 0);
  const TensorId gates = lowering.scratch(DType::f32, {l.time, l.batch, outputs}, {0, 1, 2});
  ConvParams conv;
  conv.lo = -infinity, conv.hi = infinity;
  lowering.emit(conv, {x, lowering.view(w, {1, outputs / 16, 1, l.inputs, 16}), biases.gates},
                {lowering.view(gates, {1, 1, pixels, outputs})});

  const TensorId r = packed_weights(lowering, node.input(2), d * l.gates, l.units, l.units, 1);
  std::vector<TensorId> inputs{gates, lowering.view(r, {d, l.gates, width / 16, l.units, 16}),
                               state_of(lowering, node.input(kState), l), constants};
  const bool lstm = cell == RecurrentCell::lstm;
  if (lstm) inputs.push_back(state_of(lowering, node.input(kCell), l));
  if (params.linear_before_reset) inputs.push_back(biases.hidden);
  if (params.peepholes)
    inputs.push_back(
        lowering.view(padded_rows(lowering, node.input(kPeepholes), d * 3, l.units), {d, 3, width}));
  if (node.input(kLengths)) {
    params.lengths = 1;
    inputs.push_back(lowering.native(node.input(kLengths)));
  }
  const TensorId all =
      lowering.scratch(DType::f32, {l.time + (lstm ? 2 : 1), d, l.batch, l.units}, {0, 1, 2, 3});
  lowering.emit(params, inputs, {all});

  for (size_t i = 0; i < node.outputs.size(); ++i) {
    if (!node.outputs[i]) continue;
    if (i == 0) {
      const TensorId y = lowering.slice(all, 0, 0, l.time);
      lowering.bind(node.outputs[0], l.batch_first ? lowering.relabel(y, {1, 2, 0, 3}) : y);
      continue;
    }
    const TensorId last = lowering.slice(all, 0, l.time + static_cast<int64_t>(i) - 1, 1);
    lowering.bind(node.outputs[i],
                  lowering.view(last, {d, l.batch, l.units},
                                l.batch_first ? compiler::Order{1, 0, 2} : compiler::Order{0, 1, 2}));
  }
}

}  // namespace openhb::ops
