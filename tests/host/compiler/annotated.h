// SPDX-License-Identifier: Apache-2.0
// Small graphs with int8 annotations, for tests of what the compiler makes of them.
#pragma once

#include "host/compiler/build.h"
#include "host/precision/assign.h"
#include "tests/host/compiler/small_graph.h"

namespace openhb::test {

// Precision and ranges as a conversion would set them; the ranges are made up.
inline void annotate(graph::Graph& graph) {
  precision::assign_precision(graph, {});
  const auto ranges = [&] {
    precision::apply_ranges(graph, {}, [](const Value& v) {
      return calibration::ClipRange{v.name.size() % 3 == 0 ? 0.0f : -2.5f, 3.0f};
    });
  };
  ranges();
  while (precision::demote_overflowing(graph)) ranges();
}

inline std::vector<Tensor> random_inputs(SmallGraph& g) {
  std::vector<Tensor> inputs;
  for (const Value* v : g.graph.inputs) inputs.push_back(g.data(v->shape, -3, 3));
  return inputs;
}

inline compiler::LowerOptions integers() {
  compiler::LowerOptions lower;
  lower.int8 = true;
  return lower;
}

// A picture that branches widen and narrow again; all of them are widened first, so that in this order all
// wide tensors are alive at the same time.
inline void wide_branches(SmallGraph& g, int64_t branches = 4) {
  Value* x = g.input({1, 4, 16, 16});
  std::vector<Value*> wide, narrow;
  for (int64_t i = 0; i < branches; ++i)
    wide.push_back(g.value("Relu", {g.value("Conv", {x, g.weights({32, 4, 1, 1}), g.weights({32})})}));
  for (Value* w : wide) narrow.push_back(g.value("Conv", {w, g.weights({4, 32, 1, 1}), g.weights({4})}));
  Value* all = g.value("Concat", narrow, {{"axis", int64_t{1}}});
  g.output(g.value("Conv", {all, g.weights({3, 4 * branches, 3, 3}), g.weights({3})}));
  annotate(g.graph);
}

// Convolutions, activations through tables, sums, slices and a concatenation, chosen at random.
inline void random_network(SmallGraph& g) {
  Value* x = g.input({1, 6, g.integer(6, 14), g.integer(6, 14)});
  std::vector<Value*> same{g.value("Conv", {x, g.weights({8, 6, 1, 1}), g.weights({8})})};
  const auto any = [&] {
    return same[static_cast<size_t>(g.integer(0, static_cast<int64_t>(same.size()) - 1))];
  };
  using Ints = std::vector<int64_t>;
  for (int64_t i = 0, n = g.integer(4, 10); i < n; ++i) {
    Value* a = any();
    switch (g.integer(0, 5)) {
      case 0:
        same.push_back(g.value("Add", {a, any()}));
        break;
      case 1:
        same.push_back(g.value("Mul", {a, g.value("Sigmoid", {a})}));
        break;
      case 2:
        same.push_back(g.value("HardSigmoid", {a}));
        break;
      case 3:
        same.push_back(g.value("Relu", {g.value("Conv", {a, g.weights({8, 8, 3, 3}), g.weights({8})},
                                                {{"pads", Ints{1, 1, 1, 1}}})}));
        break;
      case 4:
        same.push_back(g.value("Conv", {a, g.weights({8, 1, 3, 3}), g.weights({8})},
                               {{"pads", Ints{1, 1, 1, 1}}, {"group", int64_t{8}}}));
        break;
      default:
        same.push_back(g.value("Conv", {g.value("Concat", {a, any()}, {{"axis", int64_t{1}}}),
                                        g.weights({8, 16, 1, 1}), g.weights({8})}));
    }
  }
  g.output(g.value("Conv", {g.value("Concat", {same.back(), any()}, {{"axis", int64_t{1}}}),
                            g.weights({5, 16, 1, 1}), g.weights({5})}));
  annotate(g.graph);
}

}  // namespace openhb::test
