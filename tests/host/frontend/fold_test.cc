// SPDX-License-Identifier: Apache-2.0
// fold_batch_norm, fold_affine, fuse_pad: structure and numbers.
#include <gtest/gtest.h>

#include "host/passes/passes.h"
#include "tests/host/frontend/naive.h"

namespace openhb::test {
namespace {

using graph::Value;
using Ints = std::vector<int64_t>;

struct FoldTest : testing::Test {
  Builder b;

  Value* batch_norm(const std::string& name, Value* x, Shape shape) {
    const int64_t c = shape[1];
    return b.node("BatchNormalization", name,
                  {x, b.constant(name + ".g", {c}), b.constant(name + ".b", {c}),
                   b.constant(name + ".m", {c}), b.constant(name + ".v", {c}, 0.1f, 2)},
                  shape, {{"epsilon", 1e-3f}});
  }
};

TEST_F(FoldTest, BatchNormIntoGroupedConvs) {
  Value* x = b.input("x", {1, 4, 5, 5});
  Value* t = b.node("Conv", "c1", {x, b.constant("w1", {6, 2, 3, 3})}, {1, 6, 3, 3}, {{"group", int64_t{2}}});
  t = batch_norm("bn1", t, {1, 6, 3, 3});
  t = b.node("Conv", "c2", {t, b.constant("w2", {6, 1, 1, 1}), b.constant("b2", {6})}, {1, 6, 3, 3},
             {{"group", int64_t{6}}});
  b.output(batch_norm("bn2", t, {1, 6, 3, 3}));
  b.check(passes::fold_batch_norm);
  EXPECT_EQ(b.ops(), "Conv Conv");
  EXPECT_EQ(b.graph.nodes()[1]->name, "c2");
  EXPECT_EQ(b.graph.nodes()[1]->outputs[0]->name, "bn2");
  EXPECT_EQ(b.graph.nodes()[1]->inputs[1]->name, "w2");
  EXPECT_EQ(b.graph.nodes()[1]->inputs[2]->name, "b2");
}

TEST_F(FoldTest, BatchNormIntoGroupedConvTranspose) {
  Value* x = b.input("x", {1, 4, 3, 3});
  Value* t = b.node("ConvTranspose", "c", {x, b.constant("w", {4, 3, 2, 2}), b.constant("b", {6})},
                    {1, 6, 6, 6}, {{"group", int64_t{2}}, {"strides", Ints{2, 2}}});
  b.output(batch_norm("bn", t, {1, 6, 6, 6}));
  b.check(passes::fold_batch_norm);
  EXPECT_EQ(b.ops(), "ConvTranspose");
}

TEST_F(FoldTest, BatchNormIntoGemm) {
  Value* x = b.input("x", {3, 4});
  Value* t = b.node("Gemm", "g1", {x, b.constant("w1", {4, 5}), b.scalar("b1", 0.75f)}, {3, 5},
                    {{"alpha", 0.5f}, {"beta", 2.0f}});
  t = batch_norm("bn1", t, {3, 5});
  t = b.node("Gemm", "g2", {t, b.constant("w2", {6, 5}), b.constant("b2", {1, 6})}, {3, 6},
             {{"transB", int64_t{1}}});
  b.output(batch_norm("bn2", t, {3, 6}));
  b.check(passes::fold_batch_norm);
  EXPECT_EQ(b.ops(), "Gemm Gemm");
}

TEST_F(FoldTest, BatchNormAlone) {
  b.output(batch_norm("bn4", b.input("x", {1, 3, 2, 2}), {1, 3, 2, 2}));
  b.output(batch_norm("bn2", b.input("v", {2, 3}), {2, 3}));
  b.check(passes::fold_batch_norm);
  EXPECT_EQ(b.ops(), "Conv Mul Add");
  EXPECT_EQ(b.graph.nodes()[0]->attr_int("group", 1), 3);
}

TEST_F(FoldTest, BatchNormOfASharedConvStaysApart) {
  Value* x = b.input("x", {1, 2, 3, 3});
  Value* t = b.node("Conv", "c", {x, b.constant("w", {2, 2, 1, 1})}, {1, 2, 3, 3});
  b.output(t);
  b.output(batch_norm("bn", t, {1, 2, 3, 3}));
  b.check(passes::fold_batch_norm);
  EXPECT_EQ(b.ops(), "Conv Conv");
}

TEST_F(FoldTest, SharedWeightsAreNotOverwritten) {
  Value* x = b.input("x", {1, 2, 3, 3});
  Value* w = b.constant("w", {2, 2, 1, 1});
  b.output(batch_norm("bn", b.node("Conv", "c1", {x, w}, {1, 2, 3, 3}), {1, 2, 3, 3}));
  b.output(b.node("Conv", "c2", {x, w}, {1, 2, 3, 3}));
  b.check(passes::fold_batch_norm);
  EXPECT_EQ(b.ops(), "Conv Conv");
}

TEST_F(FoldTest, BatchNormOfNegativeVarianceIsLeft) {
  Value* x = b.input("x", {1, 2, 3, 3});
  Value* t = b.node("Conv", "c", {x, b.constant("w", {2, 2, 1, 1})}, {1, 2, 3, 3});
  b.output(b.node(
      "BatchNormalization", "bn",
      {t, b.constant("g", {2}), b.constant("s", {2}), b.constant("m", {2}), b.constant("v", {2}, -2, -1)},
      {1, 2, 3, 3}));
  passes::fold_batch_norm(b.graph);
  EXPECT_EQ(b.ops(), "Conv BatchNormalization");
}

TEST_F(FoldTest, AffineIntoConv) {
  const Shape shape{1, 3, 4, 4};
  Value* t = b.node("Conv", "c", {b.input("x", {1, 2, 4, 4}), b.constant("w", {3, 2, 1, 1})}, shape);
  t = b.node("Mul", "mul", {b.constant("k1", {1, 3, 1, 1}), t}, shape);
  t = b.node("Add", "add", {t, b.constant("k2", {3, 1, 1})}, shape);
  t = b.node("Sub", "sub", {b.scalar("k3", 1.5f), t}, shape);
  t = b.node("Sub", "sub2", {t, b.scalar("k4", 0.5f)}, shape);
  t = b.node("Div", "div", {t, b.constant("k5", {1, 3, 1, 1}, 1, 2)}, shape);
  b.output(t);
  b.check(passes::fold_affine);
  EXPECT_EQ(b.ops(), "Conv");
  EXPECT_EQ(b.graph.nodes()[0]->name, "c");
  EXPECT_EQ(b.graph.values().size(), 4u);  // x, w, the new bias, div
}

TEST_F(FoldTest, AffineThatIsNotPerChannelStays) {
  const Shape shape{1, 3, 4, 4};
  Value* x = b.input("x", {1, 2, 4, 4});
  const auto conv = [&](const std::string& name) {
    return b.node("Conv", name, {x, b.constant(name + ".w", {3, 2, 1, 1})}, shape);
  };
  b.output(b.node("Add", "per_column", {conv("c1"), b.constant("k1", {4})}, shape));
  b.output(b.node("Add", "more_batches", {conv("c2"), b.constant("k2", {2, 3, 1, 1})}, {2, 3, 4, 4}));
  b.output(b.node("Div", "inverse", {b.scalar("k3", 2), conv("c3")}, shape));
  b.output(b.node("Div", "by_zero", {conv("c4"), b.scalar("k4", 0)}, shape));
  b.output(b.node("Add", "more_axes", {conv("c5"), b.constant("k5", {1, 1, 1, 1, 1})}, {1, 1, 3, 4, 4}));
  passes::fold_affine(b.graph);
  EXPECT_EQ(b.ops(), "Conv Add Conv Add Conv Div Conv Div Conv Add");
}

TEST_F(FoldTest, MatMulAndAddBecomeGemm) {
  Value* x = b.input("x", {3, 4});
  Value* t = b.node("MatMul", "m1", {x, b.constant("w1", {4, 5})}, {3, 5});
  t = b.node("Add", "a1", {t, b.constant("b1", {5})}, {3, 5});
  t = b.node("MatMul", "m2", {t, b.constant("w2", {5, 2})}, {3, 2});
  t = b.node("Add", "a2", {b.scalar("b2", 0.5f), t}, {3, 2});
  b.output(t);
  Value* y = b.node("MatMul", "m3", {x, b.constant("w3", {4, 5})}, {3, 5});
  b.output(b.node("Add", "a3", {y, b.constant("b3", {3, 5})}, {3, 5}));
  b.check(passes::fold_affine);
  EXPECT_EQ(b.ops(), "Gemm Gemm MatMul Add");
}

TEST_F(FoldTest, PadIntoConv) {
  Value* x = b.input("x", {1, 2, 4, 4});
  Value* t = b.node("Pad", "p", {x, b.ints("pads", {0, 0, 1, 0, 0, 0, 2, 3})}, {1, 2, 7, 7});
  t = b.node("Conv", "c", {t, b.constant("w", {3, 2, 3, 3})}, {1, 3, 7, 7}, {{"pads", Ints{1, 1, 1, 1}}});
  b.output(t);
  b.check(passes::fuse_pad);
  EXPECT_EQ(b.ops(), "Conv");
  EXPECT_EQ(b.graph.nodes()[0]->attr_ints("pads", {}), (Ints{2, 1, 3, 4}));
}

TEST_F(FoldTest, PadIntoPools) {
  Value* x = b.input("x", {1, 2, 4, 4});
  Value* pads = b.ints("pads", {0, 0, 1, 1, 0, 0, 1, 1});
  const Ints kernel{3, 3};
  Value* t = b.node("Pad", "p1", {x, pads}, {1, 2, 6, 6});
  b.output(b.node("AveragePool", "average", {t}, {1, 2, 4, 4}, {{"kernel_shape", kernel}}));
  Value* r = b.node("Relu", "relu", {x}, {1, 2, 4, 4});
  r = b.node("Pad", "p2", {r, pads}, {1, 2, 6, 6});
  b.output(b.node("MaxPool", "max", {r}, {1, 2, 4, 4}, {{"kernel_shape", kernel}}));
  b.check(passes::fuse_pad);
  EXPECT_EQ(b.ops(), "AveragePool Relu MaxPool");
  EXPECT_EQ(b.graph.find_node("average")->attr_int("count_include_pad", 0), 1);
}

TEST_F(FoldTest, PadThatMattersStays) {
  Value* x = b.input("x", {1, 2, 4, 4});
  const Ints kernel{3, 3};
  Value* pads = b.ints("pads", {0, 0, 1, 1, 0, 0, 1, 1});
  Value* p = b.node("Pad", "p", {x, pads}, {1, 2, 6, 6});
  b.output(b.node("MaxPool", "max", {p}, {1, 2, 4, 4}, {{"kernel_shape", kernel}}));  // x may be negative
  b.output(b.node("AveragePool", "average", {p}, {1, 2, 6, 6},
                  {{"kernel_shape", kernel}, {"pads", Ints{1, 1, 1, 1}}}));
  // Windows of the second pool would lie in the pads alone.
  Value* wide = b.node("Pad", "wide", {x, b.ints("pads3", {0, 0, 2, 2, 0, 0, 2, 2})}, {1, 2, 8, 8});
  b.output(b.node("AveragePool", "small", {wide}, {1, 2, 7, 7}, {{"kernel_shape", Ints{2, 2}}}));
  Value* ones = b.node("Pad", "ones", {x, pads, b.scalar("one", 1)}, {1, 2, 6, 6});
  b.output(b.node("Conv", "c1", {ones, b.constant("w1", {1, 2, 3, 3})}, {1, 1, 4, 4}));
  Value* channels = b.node("Pad", "channels", {x, b.ints("pads2", {0, 1, 0, 0, 0, 0, 0, 0})}, {1, 3, 4, 4});
  b.output(b.node("Conv", "c2", {channels, b.constant("w2", {1, 3, 3, 3})}, {1, 1, 2, 2}));
  b.check(passes::fuse_pad);
  EXPECT_EQ(b.ops(), "Pad MaxPool AveragePool Pad AveragePool Pad Conv Pad Conv");
}

}  // namespace
}  // namespace openhb::test
