// SPDX-License-Identifier: Apache-2.0
// Each limit of a march: a node at the limit runs in integers, one beyond it is on the CPU, and the reason
// names the quantity, what was observed, and what is allowed.
#include <gtest/gtest.h>

#include <functional>

#include "host/precision/assign.h"
#include "tests/host/compiler/small_graph.h"

namespace openhb {
namespace {

using march::March;
using test::SmallGraph;
using test::Value;
using Ints = std::vector<int64_t>;

// The network under test, whose node `suspect` is followed by a convolution.
using Build = std::function<Value*(SmallGraph&)>;

// The reason for the placement of the node that made the value; "" when it runs in integers.
std::string reason(March march, const Build& build, bool last = false) {
  SmallGraph g(1, ops::kGraphOpset);
  Value* v = build(g);
  graph::Node* suspect = v->producer;
  g.output(v);
  if (!last) {
    const Shape s = v->shape;
    g.graph.outputs.clear();
    g.output(s.size() == 4 ? g.value("Conv", {v, g.weights({1, s[1], 1, 1})})
                           : g.value("MatMul", {v, g.weights({s.back(), 1})}));
  }
  precision::assign_precision(g.graph,
                              {.run_on_cpu = {}, .run_on_bpu = {suspect->name}, .int16 = {}, .march = march});
  EXPECT_EQ(suspect->int8, suspect->reason.empty());
  return suspect->reason;
}

#define EXPECT_BPU(...) EXPECT_EQ(reason(__VA_ARGS__), "")
#define EXPECT_CPU(words, ...)                                          \
  do {                                                                  \
    const std::string why = reason(__VA_ARGS__);                        \
    EXPECT_NE(why.find(words), std::string::npos) << "'" << why << "'"; \
  } while (false)

Build conv(Shape x, Shape w, std::map<std::string, graph::Attribute> attributes = {}) {
  return [=](SmallGraph& g) { return g.value("Conv", {g.input(x), g.weights(w)}, attributes); };
}

Build transposed(Shape x, Shape w, std::map<std::string, graph::Attribute> attributes) {
  return [=](SmallGraph& g) { return g.value("ConvTranspose", {g.input(x), g.weights(w)}, attributes); };
}

Build unary(const char* op, Shape x, std::map<std::string, graph::Attribute> attributes = {}) {
  return [=](SmallGraph& g) { return g.value(op, {g.input(x)}, attributes); };
}

Build pair(const char* op, Shape a, Shape b) {
  return [=](SmallGraph& g) { return g.value(op, {g.input(a), g.input(b)}); };
}

TEST(March, Names) {
  EXPECT_EQ(march::find_march("bayes"), March::bayes);
  EXPECT_EQ(march::find_march("bernoulli2"), March::bernoulli2);
  EXPECT_FALSE(march::find_march("nash"));
  for (const auto& row : march::kMarches) EXPECT_EQ(march::name_of(row.march), row.name);
}

TEST(March, ConvKernel) {
  EXPECT_BPU(March::bayes, conv({1, 2, 40, 40}, {4, 2, 31, 31}));
  EXPECT_CPU("its kernel height is 32 (bayes: 1 to 31)", March::bayes, conv({1, 2, 40, 40}, {4, 2, 32, 3}));
  EXPECT_CPU("its kernel width is 33 (bayes: 1 to 31)", March::bayes, conv({1, 2, 40, 40}, {4, 2, 3, 33}));
  EXPECT_BPU(March::bernoulli2, conv({1, 2, 40, 40}, {4, 2, 7, 7}));
  EXPECT_CPU("its kernel height is 8 (bernoulli2: 1 to 7)", March::bernoulli2,
             conv({1, 2, 40, 40}, {4, 2, 8, 7}));
  // All broken limits are told at once, with what to do.
  EXPECT_CPU("its kernel height is 32 (bayes: 1 to 31), its kernel width is 32 (bayes: 1 to 31); use smaller",
             March::bayes, conv({1, 2, 40, 40}, {4, 2, 32, 32}));
}

TEST(March, ConvSizes) {
  EXPECT_CPU("its kernel channels x height x width is 65536 (4096 x 4 x 4) (bayes: 1 to 65535)", March::bayes,
             conv({1, 4096, 4, 4}, {1, 4096, 4, 4}));
  EXPECT_BPU(March::bayes, conv({1, 8192, 1, 1}, {1, 8192, 1, 1}));
  EXPECT_CPU("its input channels of one group is 8193", March::bayes, conv({1, 8193, 1, 1}, {1, 8193, 1, 1}));
  // The last operator may have more outputs.
  EXPECT_CPU("its output channels is 8193 (bayes: 1 to 8192)", March::bayes,
             conv({1, 1, 1, 1}, {8193, 1, 1, 1}));
  EXPECT_BPU(March::bayes, conv({1, 1, 1, 1}, {8193, 1, 1, 1}), true);
  EXPECT_CPU("its channels of one group is 2049 (bernoulli2: 1 to 2048)", March::bernoulli2,
             conv({1, 4098, 1, 1}, {2, 2049, 1, 1}, {{"group", int64_t{2}}}));
}

TEST(March, ConvStrideDilationPadding) {
  const auto with = [](const char* name, Ints values, Shape x = {1, 2, 12, 12}) {
    return conv(std::move(x), {4, 2, 3, 3}, {{name, std::move(values)}});
  };
  EXPECT_BPU(March::bayes, with("strides", {9, 9}));
  EXPECT_CPU("its stride width is 257 (bayes: 1 to 256)", March::bayes, with("strides", {1, 257}));
  EXPECT_BPU(March::bayes, with("dilations", {3, 3}));
  EXPECT_CPU("its dilation height is 17 (bayes: 1 to 16)", March::bayes,
             with("dilations", {17, 1}, {1, 2, 68, 12}));
  EXPECT_CPU("its input height or width modulo dilation is 2 (12 modulo 5)", March::bayes,
             with("dilations", {5, 1}));
  EXPECT_CPU("its stride beside a dilation is 2 (bayes: 1)", March::bayes,
             conv({1, 2, 12, 12}, {4, 2, 3, 3}, {{"dilations", Ints{2, 2}}, {"strides", Ints{2, 2}}}));
  EXPECT_CPU("its padding is 257 (bayes: 0 to 256)", March::bayes, with("pads", {257, 0, 0, 0}));
  EXPECT_BPU(March::bernoulli2, with("dilations", {2, 4}));
  EXPECT_CPU("its dilation is 3 (bernoulli2: a power of two)", March::bernoulli2, with("dilations", {3, 3}));
  EXPECT_CPU("its dilation height beyond its width is 4 x 2", March::bernoulli2, with("dilations", {4, 2}));
  const auto summed = [](int64_t stride) {
    return [=](SmallGraph& g) {
      Value* x = g.input({1, 2, 9, 9});
      const std::map<std::string, graph::Attribute> attributes{{"strides", Ints{stride, stride}}};
      Value* a = g.value("Conv", {x, g.weights({4, 2, 1, 1})}, attributes);
      g.value("Conv", {g.value("Add", {a, g.value("Conv", {x, g.weights({4, 2, 1, 1})}, attributes)}),
                       g.weights({1, 4, 1, 1})});
      return a;
    };
  };
  EXPECT_BPU(March::bayes, summed(2), true);
}

TEST(March, RankOfConvolutions) {
  EXPECT_CPU("its rank is 3 ('x0', 1x2x20) (bayes: 4 to 5)", March::bayes, conv({1, 2, 20}, {4, 2, 3}));
}

TEST(March, General) {
  EXPECT_BPU(March::bayes, conv({4096, 1, 1, 1}, {1, 1, 1, 1}));
  EXPECT_CPU("its batch (dimension 0) is 4097 (bayes: 1 to 4096)", March::bayes,
             conv({4097, 1, 1, 1}, {1, 1, 1, 1}));
  EXPECT_CPU("its batch (dimension 0) is 129 (bernoulli2: 1 to 128)", March::bernoulli2,
             conv({129, 1, 1, 1}, {1, 1, 1, 1}));
  EXPECT_CPU("its largest dimension is 65537 (in 1x1x1x65537) (bayes: 1 to 65536)", March::bayes,
             conv({1, 1, 1, 65537}, {1, 1, 1, 1}));
  EXPECT_CPU("1 GiB at most", March::bayes, conv({16385, 1, 256, 256}, {1, 1, 1, 1}));
}

TEST(March, Pools) {
  const auto pool = [](const char* op, int64_t kernel) {
    return unary(op, {1, 1, 300, 8}, {{"kernel_shape", Ints{kernel, 1}}});
  };
  EXPECT_BPU(March::bayes, pool("MaxPool", 256));
  EXPECT_CPU("its kernel is 257 (bayes: 1 to 256)", March::bayes, pool("MaxPool", 257));
  EXPECT_CPU("its kernel is 65 (bernoulli2: 1 to 64)", March::bernoulli2, pool("MaxPool", 65));
  EXPECT_BPU(March::bernoulli2, pool("AveragePool", 7));
  EXPECT_CPU("its kernel is 8 (bernoulli2: 1 to 7)", March::bernoulli2, pool("AveragePool", 8));
  EXPECT_CPU("its dilation height is 2", March::bayes,
             unary("MaxPool", {1, 1, 9, 9}, {{"kernel_shape", Ints{2, 2}}, {"dilations", Ints{2, 2}}}));
  EXPECT_BPU(March::bernoulli2, unary("GlobalAveragePool", {1, 2, 64, 128}));
  EXPECT_CPU("its height x width is 8256 (bernoulli2: 1 to 8192)", March::bernoulli2,
             unary("GlobalAveragePool", {1, 2, 64, 129}));
}

TEST(March, TransposedConvolution) {
  const Ints two{2, 2};
  EXPECT_BPU(March::bayes, transposed({1, 2, 8, 8}, {2, 4, 4, 4}, {{"strides", two}}));
  EXPECT_CPU("its kernel height is 15 (bayes: 1 to 14)", March::bayes,
             transposed({1, 2, 8, 8}, {2, 4, 15, 4}, {{"strides", two}}));
  EXPECT_CPU("its larger stride is 1", March::bayes, transposed({1, 2, 8, 8}, {2, 4, 4, 4}, {}));
  EXPECT_CPU("its stride is", March::bernoulli2,
             transposed({1, 2, 8, 8}, {2, 4, 4, 4}, {{"strides", Ints{3, 3}}}));
}

TEST(March, Functions) {
  EXPECT_BPU(March::bayes, unary("Tanh", {2, 3, 4, 5, 6}));
  EXPECT_BPU(March::bernoulli2, unary("Tanh", {1, 2, 64, 64}));
  EXPECT_CPU("its channels x height x width is 8320 (bernoulli2: 1 to 8192)", March::bernoulli2,
             unary("Tanh", {1, 2, 64, 65}));
  // 8W4C: 10 * 16 * 4; 32C: 10 * 9 * 32.
  EXPECT_BPU(March::bernoulli2, unary("Sigmoid", {1, 3, 10, 9}));
  EXPECT_CPU("its aligned channels x height x width is 8320", March::bernoulli2,
             unary("Sigmoid", {1, 1, 130, 16}));
  EXPECT_CPU("bernoulli2 does not have Floor in integers", March::bernoulli2, unary("Floor", {1, 2, 4, 4}));
  EXPECT_CPU("its rank is 3", March::bernoulli2, unary("Relu", {1, 2, 4}));
}

TEST(March, TwoOperands) {
  EXPECT_BPU(March::bayes, pair("Add", {1, 1, 4, 3}, {1, 5, 1, 3}));
  EXPECT_CPU("its broadcast of dimension 0 is needed (2x3x4x4 and 1x3x4x4)", March::bayes,
             pair("Add", {2, 3, 4, 4}, {1, 3, 4, 4}));
  EXPECT_BPU(March::bayes, pair("Mul", {1, 2, 3, 4, 1}, {1, 1, 3, 4, 5}));
  EXPECT_CPU("its merge of 5 dimensions to 4", March::bayes, pair("Mul", {1, 2, 3, 4, 1}, {1, 2, 1, 4, 5}));
  EXPECT_CPU("its rank is 6", March::bayes, pair("Add", {1, 1, 1, 1, 2, 3}, {1, 1, 1, 1, 2, 3}));
  EXPECT_CPU("its operands is 1x3x4x4 and 1x1x4x4", March::bernoulli2,
             pair("Mul", {1, 3, 4, 4}, {1, 1, 4, 4}));
  EXPECT_BPU(March::bernoulli2, pair("Mul", {1, 3, 4, 4}, {1, 3, 1, 1}));
  EXPECT_CPU("bernoulli2 does not have Sub in integers; negate the weights", March::bernoulli2,
             pair("Sub", {1, 3, 4, 4}, {1, 3, 4, 4}));
  EXPECT_CPU("with a zero in it", March::bernoulli2, [](SmallGraph& g) {
    return g.value("Mul",
                   {g.input({1, 2, 4, 4}),
                    g.graph.add_constant("k", Tensor::from<float>({1, 2, 1, 1}, std::vector<float>{0, 1}))});
  });
}

TEST(March, MatricesWithConstants) {
  const auto product = [](Shape a, Shape b) {
    return [=](SmallGraph& g) { return g.value("MatMul", {g.input(a), g.weights(b)}); };
  };
  EXPECT_BPU(March::bayes, product({1, 7, 8192}, {8192, 3}));
  EXPECT_CPU("its rows or columns (M, K, N) is 8193", March::bayes, product({1, 7, 8193}, {8193, 3}));
  const auto gemm = [](int64_t k, int64_t n) {
    return [=](SmallGraph& g) { return g.value("Gemm", {g.input({1, k}), g.weights({k, n})}); };
  };
  EXPECT_CPU("its input columns is 8193 (bayes: 1 to 8192)", March::bayes, gemm(8193, 2));
  EXPECT_CPU("its output columns is 8193 (bayes: 1 to 8192)", March::bayes, gemm(2, 8193));
  EXPECT_BPU(March::bayes, gemm(2, 8193), true);
  EXPECT_BPU(March::bernoulli2, gemm(16384, 2));
}

// The rule itself, whatever a node's operands are.
TEST(March, MatrixBroadcast) {
  const auto allowed = [](Shape a, Shape b) {
    SmallGraph g(1, ops::kGraphOpset);
    Value* y = g.value("MatMul", {g.input(a), g.input(b)});
    g.output(y);
    const auto consumers = g.graph.consumers();
    for (const auto& v : march::violations(March::bayes, march::kMatMul, {g.graph, consumers, *y->producer}))
      if (v.quantity == "broadcast") return false;
    return true;
  };
  EXPECT_TRUE(allowed({2, 3, 4, 5}, {2, 1, 5, 6}));         // HDMK x H1KN
  EXPECT_FALSE(allowed({2, 1, 4, 5}, {1, 3, 5, 6}));        // H1MK x 1DKN
  EXPECT_TRUE(allowed({1, 1, 4, 5}, {2, 3, 5, 6}));         // 11MK x HDKN
  EXPECT_FALSE(allowed({2, 1, 4, 5}, {2, 3, 5, 6}));        // H1MK x HDKN
  EXPECT_TRUE(allowed({2, 3, 4, 4, 5}, {2, 1, 1, 5, 6}));   // BHDMK x B11KN
  EXPECT_FALSE(allowed({2, 3, 4, 4, 5}, {2, 1, 4, 5, 6}));  // BHDMK x B1DKN
  EXPECT_TRUE(allowed({2, 3, 4, 5}, {2, 3, 5, 6}));
}

TEST(March, Movement) {
  EXPECT_BPU(March::bayes, [](SmallGraph& g) {
    Value* x = g.input({1, 2, 4, 4});
    return g.value("Concat", {x, x}, {{"axis", int64_t{-1}}});
  });
  EXPECT_CPU("its axis is 0 (bayes: 1 or more)", March::bayes, [](SmallGraph& g) {
    Value* x = g.input({1, 2, 4, 4});
    return g.value("Concat", {x, x}, {{"axis", int64_t{0}}});
  });
  EXPECT_CPU("its different sizes is 2 (1, 3)", March::bayes, [](SmallGraph& g) {
    return g.node("Split", {g.input({1, 4, 2, 2}), g.ints({1, 3})}, {{"axis", int64_t{1}}}, 2)->outputs[1];
  });
  EXPECT_BPU(March::bayes, unary("Transpose", {1, 2, 3, 4}));
  EXPECT_CPU("bernoulli2 does not have Transpose", March::bernoulli2, unary("Transpose", {1, 2, 3, 4}));
  EXPECT_BPU(March::bayes, unary("DepthToSpace", {1, 8, 3, 3}, {{"blocksize", int64_t{2}}}));
  EXPECT_CPU("its blocksize is 3 (bayes: 2)", March::bayes,
             unary("DepthToSpace", {1, 9, 3, 3}, {{"blocksize", int64_t{3}}}));
  EXPECT_CPU("its number of dimensions that change is 2 (bayes: 0 to 1)", March::bayes,
             [](SmallGraph& g) { return g.value("Expand", {g.input({1, 1, 2, 1}), g.ints({1, 3, 2, 4})}); });
}

TEST(March, Resize) {
  const auto resize = [](std::vector<float> scales, const char* mode) {
    return [=](SmallGraph& g) {
      return g.value(
          "Resize",
          {g.input({1, 2, 6, 6}), nullptr, g.graph.add_constant("s", Tensor::from<float>({4}, scales))},
          {{"mode", std::string(mode)}});
    };
  };
  EXPECT_BPU(March::bayes, resize({1, 1, 2, 4}, "nearest"));
  EXPECT_BPU(March::bayes, resize({1, 1, 0.5f, 0.5f}, "nearest"));
  EXPECT_CPU("its factor of nearest is 1.5 (bayes: a power of two)", March::bayes,
             resize({1, 1, 1.5f, 2}, "nearest"));
  EXPECT_CPU("its height factor / width factor of nearest is 4 / 2", March::bayes,
             resize({1, 1, 4, 2}, "nearest"));
  EXPECT_BPU(March::bayes, resize({1, 1, 1.5f, 1.5f}, "linear"));
}

TEST(March, Reductions) {
  const auto mean = [](Shape x, Ints axes, int64_t keep) {
    return [=](SmallGraph& g) {
      return g.value("ReduceMean", {g.input(x), g.ints(axes)}, {{"keepdims", keep}});
    };
  };
  EXPECT_BPU(March::bayes, mean({1, 3, 4, 5}, {2, 3}, 1));
  EXPECT_CPU("its keepdims is 0 (bayes: 1)", March::bayes, mean({1, 3, 4, 5}, {2, 3}, 0));
}

// Without a march nothing but the operators' own rules decides.
TEST(March, NoneHasNoLimits) {
  SmallGraph g(1, ops::kGraphOpset);
  Value* v = conv({1, 2, 40, 40}, {4, 2, 40, 40})(g);
  g.output(v);
  precision::assign_precision(g.graph, {});
  EXPECT_TRUE(v->producer->int8);
}

// A reason is told even where the user asked for the BPU, and every row says what to do.
TEST(March, RowsAreSound) {
  for (const ops::OpRow& row : ops::all_ops())
    for (const march::Limit& limit : row.limits) {
      EXPECT_NE(limit.marches, 0) << row.info.name;
      EXPECT_EQ(limit.marches & ~march::kEvery, 0) << row.info.name;
      EXPECT_EQ(limit.measure == nullptr, limit.quantity.empty()) << row.info.name;
      if (limit.measure) EXPECT_LE(limit.least, limit.most) << row.info.name << ": " << limit.quantity;
      const bool any_rank = limit.quantity == "rank" && limit.most >= static_cast<double>(kMaxRank);
      EXPECT_TRUE(any_rank || !limit.advice.empty()) << row.info.name << ": " << limit.quantity;
    }
}

}  // namespace
}  // namespace openhb
