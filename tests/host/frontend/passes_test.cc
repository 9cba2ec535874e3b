// SPDX-License-Identifier: Apache-2.0
// eliminate_identity, merge_movement, merge_clip: structure and numbers.
#include <gtest/gtest.h>

#include "host/passes/passes.h"
#include "tests/host/frontend/naive.h"

namespace openhb::test {
namespace {

using graph::Value;
using Ints = std::vector<int64_t>;

struct PassTest : testing::Test {
  Builder b;
  Value* x = b.input("x", {1, 2, 3, 4});
  const Shape shape{1, 2, 3, 4};
};

TEST_F(PassTest, IdentitiesGo) {
  Value* t = b.node("Relu", "r", {x}, shape);
  t = b.node("Identity", "i", {t}, shape);
  t = b.node("Cast", "cast", {t}, shape, {{"to", int64_t{1}}});
  t = b.node("Reshape", "re", {t, b.ints("re.shape", {0, 2, -1, 4})}, shape);
  t = b.node("Transpose", "tr", {t}, shape, {{"perm", Ints{0, 1, 2, 3}}});
  t = b.node("Pad", "pad", {t, b.ints("pad.pads", Ints(8, 0))}, shape);
  t = b.node("Slice", "sl", {t, b.ints("s", {0}), b.ints("e", {99}), b.ints("a", {2}), b.ints("st", {1})},
             shape);
  b.output(t);
  b.check(passes::eliminate_identity);
  EXPECT_EQ(b.ops(), "Relu");
  EXPECT_EQ(b.graph.outputs[0]->name, "sl");
  EXPECT_EQ(b.graph.nodes()[0]->name, "r");
  EXPECT_EQ(b.graph.values().size(), 2u);
}

TEST_F(PassTest, IdentityBetweenInputAndOutputStays) {
  b.output(b.node("Identity", "i", {x}, shape));
  Value* t = b.node("Relu", "r", {x}, shape);
  b.output(t);
  b.output(b.node("Identity", "j", {t}, shape));  // both names are the user's
  b.check(passes::eliminate_identity);
  EXPECT_EQ(b.ops(), "Identity Relu Identity");
}

TEST_F(PassTest, IdentityOfASharedValue) {
  Value* t = b.node("Relu", "r", {x}, shape);
  Value* i = b.node("Identity", "i", {t}, shape);
  b.output(b.node("Add", "y", {t, i}, shape));
  Value* j = b.node("Identity", "j", {x}, shape);
  b.output(b.node("Relu", "z", {j}, shape));
  b.check(passes::eliminate_identity);
  EXPECT_EQ(b.ops(), "Relu Add Relu");
  EXPECT_NE(b.graph.find_value("r"), nullptr);
}

TEST_F(PassTest, IdentityOfAConstantOutput) {
  b.output(b.node("Identity", "i", {b.constant("k", {2})}, {2}));
  b.check(passes::eliminate_identity);
  EXPECT_EQ(b.ops(), "");
  EXPECT_TRUE(b.graph.outputs[0]->is_constant());
}

TEST_F(PassTest, WorkingNodesAreNoIdentities) {
  Value* t = b.node("Slice", "sl",
                    {x, b.ints("s", {-1}), b.ints("e", {-99}), b.ints("a", {2}), b.ints("st", {-1})}, shape);
  t = b.node("Cast", "cast", {t}, shape, {{"to", int64_t{7}}});
  t = b.node("Reshape", "re", {t, b.ints("rs", {2, 12})}, {2, 12});
  t = b.node("Transpose", "tr", {t}, {12, 2});
  b.output(t);
  passes::eliminate_identity(b.graph);
  EXPECT_EQ(b.ops(), "Slice Cast Reshape Transpose");
}

TEST_F(PassTest, UnknownShapesProveNothing) {
  Value* t = b.node("Relu", "r", {x}, {});
  b.output(b.node("Reshape", "re", {t, b.ints("rs", {4, 6})}, {}));
  passes::eliminate_identity(b.graph);
  EXPECT_EQ(b.ops(), "Relu Reshape");
}

TEST_F(PassTest, TransposesCompose) {
  Value* t = b.node("Transpose", "t1", {x}, {1, 3, 4, 2}, {{"perm", Ints{0, 2, 3, 1}}});
  t = b.node("Transpose", "t2", {t}, {4, 1, 2, 3}, {{"perm", Ints{2, 0, 3, 1}}});
  b.output(t);
  b.check(passes::merge_movement);
  EXPECT_EQ(b.ops(), "Transpose");
  EXPECT_EQ(b.graph.outputs[0]->name, "t2");
}

TEST_F(PassTest, InverseTransposesVanish) {
  Value* t = b.node("Relu", "r", {x}, shape);
  t = b.node("Transpose", "t1", {t}, {1, 3, 4, 2}, {{"perm", Ints{0, 2, 3, 1}}});
  Value* u = b.node("Transpose", "t2", {t}, shape, {{"perm", Ints{0, 3, 1, 2}}});
  b.output(b.node("Relu", "y", {u}, shape));
  b.output(b.node("Relu", "z", {t}, {1, 3, 4, 2}));  // the inner one has another reader
  b.check(passes::merge_movement);
  EXPECT_EQ(b.ops(), "Relu Transpose Relu Relu");
}

TEST_F(PassTest, ReshapesMerge) {
  Value* t = b.node("Flatten", "f", {x}, {1, 24}, {{"axis", int64_t{1}}});
  t = b.node("Unsqueeze", "u", {t, b.ints("u.axes", {2})}, {1, 24, 1});
  t = b.node("Reshape", "re", {t, b.ints("re.shape", {0, 4, -1})}, {1, 4, 6}, {{"allowzero", int64_t{0}}});
  t = b.node("Squeeze", "sq", {t}, {4, 6});
  b.output(t);
  b.check(passes::merge_movement);
  EXPECT_EQ(b.ops(), "Reshape");
  EXPECT_EQ(b.graph.nodes()[0]->name, "sq");
  const auto shape_data = b.graph.nodes()[0]->inputs[1]->constant->data<int64_t>();
  EXPECT_EQ(Ints(shape_data.begin(), shape_data.end()), (Ints{4, 6}));
}

TEST_F(PassTest, ClipsMerge) {
  Value* t = b.node("Relu", "r", {x}, shape);
  t = b.node("Clip", "c1", {t, b.scalar("lo", -1), b.scalar("hi", 1.5f)}, shape);
  t = b.node("Clip", "c2", {t, b.scalar("lo2", 0.25f)}, shape);
  b.output(t);
  b.check(passes::merge_clip);
  EXPECT_EQ(b.ops(), "Clip");
  EXPECT_EQ(b.graph.nodes()[0]->name, "r");
  EXPECT_EQ(b.graph.outputs[0]->name, "c2");
  EXPECT_EQ(b.graph.nodes()[0]->inputs[1]->constant->data<float>()[0], 0.25f);
  EXPECT_EQ(b.graph.nodes()[0]->inputs[2]->constant->data<float>()[0], 1.5f);
}

TEST_F(PassTest, DisjointClipsAreConstant) {
  Value* t = b.node("Clip", "c1", {x, b.scalar("lo", -2), b.scalar("hi", -1)}, shape);
  b.output(b.node("Relu", "r", {t}, shape));
  b.check(passes::merge_clip);
  EXPECT_EQ(b.ops(), "Clip");
}

TEST_F(PassTest, UnboundedClips) {
  Value* t = b.node("Clip", "c1", {x, b.scalar("lo", 0), b.scalar("hi", 3.402823466e38f)}, shape);
  t = b.node("Clip", "c2", {t}, shape);
  b.output(t);
  b.check(passes::merge_clip);
  EXPECT_EQ(b.ops(), "Relu");
}

TEST_F(PassTest, ClipsWithReadersOrComputedLimitsStay) {
  Value* t = b.node("Relu", "r", {x}, shape);
  b.output(t);
  t = b.node("Clip", "c1", {t, nullptr, b.scalar("hi", 1)}, shape);
  Value* limit = b.node("Relu", "limit", {b.input("l", {1})}, {1});
  b.output(b.node("Clip", "c2", {t, limit}, shape));
  b.check(passes::merge_clip);
  EXPECT_EQ(b.ops(), "Relu Clip Relu Clip");
}

}  // namespace
}  // namespace openhb::test
