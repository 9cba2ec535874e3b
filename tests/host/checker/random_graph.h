// SPDX-License-Identifier: Apache-2.0
// Random networks of which many nodes break a limit of some march.
#pragma once

#include "tests/host/compiler/small_graph.h"

namespace openhb::test {

// Feature maps of rank 4 through 4 to 12 random operators, some of them beyond what a march takes,
// convolutions in between, so that integers are worth it.
inline graph::Graph random_graph(uint32_t seed) {
  SmallGraph g(seed, ops::kGraphOpset);
  const auto pick = [&](std::initializer_list<const char*> words) {
    return std::string(words.begin()[g.integer(0, static_cast<int64_t>(words.size()) - 1)]);
  };
  const auto conv = [&](Value* v) {
    const int64_t in = v->shape[1], groups = g.integer(0, 3) == 0 ? in : 1,
                  out = groups == 1 ? g.integer(1, 20) : in;
    const int64_t kernel = std::min<int64_t>(g.integer(0, 5) == 0 ? g.integer(8, 33) : g.integer(1, 5),
                                             std::min(v->shape[2], v->shape[3]));
    const int64_t dilation = kernel < 4 && g.integer(0, 4) == 0 ? g.integer(2, 3) : 1,
                  pad = (kernel - 1) * dilation / 2;
    const int64_t stride = g.integer(0, 5) == 0 ? 2 : 1;
    return g.value("Conv", {v, g.weights({out, in / groups, kernel, kernel}), g.weights({out})},
                   {{"group", groups},
                    {"pads", std::vector<int64_t>{pad, pad, pad, pad}},
                    {"strides", std::vector<int64_t>{stride, stride}},
                    {"dilations", std::vector<int64_t>{dilation, dilation}}});
  };
  const auto infer = [&] {
    // Shapes so far, without what would be dead code.
    const auto outputs = g.graph.outputs;
    g.graph.outputs.clear();
    for (const auto& v : g.graph.values())
      if (v->producer) g.graph.outputs.push_back(v.get());
    ops::infer_shapes(g.graph);
    g.graph.outputs = outputs;
  };
  Value* v = g.input({g.integer(0, 9) == 0 ? 2 : 1, g.integer(1, 12), g.integer(16, 40), g.integer(16, 40)});
  Value* earlier = nullptr;
  const int64_t steps = g.integer(4, 12);
  for (int64_t i = 0; i < steps; ++i) {
    switch (g.integer(0, 9)) {
      case 0:
      case 1:
      case 2:
        v = conv(v);
        break;
      case 3:
        v = g.value(pick({"Relu", "Sigmoid", "Tanh", "Abs", "HardSwish", "Floor", "Softplus"}), {v});
        break;
      case 4: {
        const int64_t k = g.integer(0, 3) == 0 ? g.integer(6, 12) : g.integer(1, 3);
        if (std::min(v->shape[2], v->shape[3]) >= k)
          v = g.value(pick({"MaxPool", "AveragePool"}), {v}, {{"kernel_shape", std::vector<int64_t>{k, k}}});
        break;
      }
      case 5:
        if (earlier && earlier->shape == v->shape)
          v = g.value(pick({"Add", "Mul", "Sub"}), {v, earlier});
        else
          v = g.value(pick({"Add", "Mul", "Sub"}), {v, g.weights({1, v->shape[1], 1, 1})});
        break;
      case 6:
        v = g.value("Concat", {v, v}, {{"axis", g.integer(1, 3)}});
        break;
      case 7:
        v = g.value("Transpose", {v}, {{"perm", std::vector<int64_t>{0, 1, 3, 2}}});
        break;
      case 8: {
        const Shape s = v->shape;
        infer();
        v = g.value("Reshape", {v, g.ints({s[0], s[1], s[2] * s[3]})});
        infer();
        v = g.value("Sigmoid", {v});
        infer();
        v = g.value("Reshape", {v, g.ints(s)});
        break;
      }
      default:
        v = g.value("Resize",
                    {v, nullptr,
                     g.graph.add_constant("", Tensor::from<float>({4}, std::vector<float>{1, 1, 2, 1.5f}))},
                    {{"mode", pick({"nearest", "linear"})}});
    }
    infer();
    if (g.integer(0, 2) == 0) earlier = v;
    if (v->shape[2] * v->shape[3] > 4096) {
      v = g.value("MaxPool", {v},
                  {{"kernel_shape", std::vector<int64_t>{2, 2}}, {"strides", std::vector<int64_t>{2, 2}}});
      infer();
    }
  }
  v = conv(v);
  g.graph.outputs = {v};
  ops::infer_shapes(g.graph);
  return std::move(g.graph);
}

}  // namespace openhb::test
