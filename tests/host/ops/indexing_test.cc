// SPDX-License-Identifier: Apache-2.0
// Operators that move elements by index, and those that are made of them, against naive loops.
#include <gtest/gtest.h>

#include <limits>

#include "tests/device/steps/harness.h"
#include "tests/host/compiler/small_graph.h"

namespace openhb::test {
namespace {

using Ints = std::vector<int64_t>;

Value* int_input(SmallGraph& g, const Shape& shape) {
  Value* v = g.graph.add_value("x" + std::to_string(g.graph.inputs.size()), DType::i64, shape);
  g.graph.inputs.push_back(v);
  return v;
}
Tensor random_ints(const Shape& shape, int64_t lo, int64_t hi) {
  Tensor t(DType::i64, shape);
  for (int64_t& v : t.data<int64_t>()) v = random_int(lo, hi);
  return t;
}
Tensor counted(const Shape& shape) {
  Tensor t(DType::f32, shape);
  for (size_t i = 0; i < t.size(); ++i) t.data<float>()[i] = static_cast<float>(i) + 1;
  return t;
}
// The only output of one node that reads `inputs`; constants are added by `build`.
Tensor run(const std::vector<Tensor>& inputs,
           const std::function<Value*(SmallGraph&, std::vector<Value*>)>& build, int64_t opset = 21) {
  SmallGraph g(1, opset);
  std::vector<Value*> values;
  for (const Tensor& t : inputs)
    values.push_back(t.dtype() == DType::i64 ? int_input(g, t.shape()) : g.input(t.shape()));
  g.output(build(g, values));
  return run_float(g.graph, inputs)[0];
}

TEST(IndexingTest, GathersAtRunTime) {
  for (int round = 0; round < 20; ++round) {
    const Tensor x = random_tensor(DType::f32, {3, 4, 5}), i = random_ints({2, 6, 5}, -4, 3);
    const Tensor y =
        run({x, i}, [](auto& g, auto v) { return g.value("GatherElements", v, {{"axis", int64_t{-2}}}); });
    for_each_index(y.shape(), [&](const Shape& at) {
      const int64_t k = i.data<int64_t>()[flat(i.shape(), at)];
      EXPECT_EQ(y.data<float>()[flat(y.shape(), at)],
                x.data<float>()[flat(x.shape(), {at[0], k < 0 ? k + 4 : k, at[2]})]);
    });
    const Tensor tuples = random_ints({3, 2, 1}, -4, 3);
    const Tensor z = run(
        {x, tuples}, [](auto& g, auto v) { return g.value("GatherND", v, {{"batch_dims", int64_t{1}}}); });
    ASSERT_EQ(z.shape(), (Shape{3, 2, 5}));
    for_each_index(z.shape(), [&](const Shape& at) {
      const int64_t k = tuples.data<int64_t>()[flat({3, 2}, {at[0], at[1]})];
      EXPECT_EQ(z.data<float>()[flat(z.shape(), at)],
                x.data<float>()[flat(x.shape(), {at[0], k < 0 ? k + 4 : k, at[2]})]);
    });
  }
}

TEST(IndexingTest, ScatterIsScatterElements) {
  const Tensor x = counted({3, 4}), i = Tensor::from<int64_t>({1, 2}, Ints{2, 0}),
               u = random_tensor(DType::f32, {1, 2});
  Tensor expected = x;
  expected.data<float>()[8] = u.data<float>()[0], expected.data<float>()[1] = u.data<float>()[1];
  const auto with = [&](const char* op, int64_t opset) {
    return run({x, i, u}, [&](auto& g, auto v) { return g.value(op, v); }, opset);
  };
  expect_same<float>(expected, with("Scatter", 9), "Scatter");
  expect_same<float>(expected, with("ScatterElements", 21), "ScatterElements");
}

TEST(IndexingTest, TensorScatterWritesAtEachBatchEntrysPosition) {
  for (const bool circular : {false, true})
    for (int round = 0; round < 10; ++round) {
      const Tensor cache = random_tensor(DType::f32, {3, 2, 7, 4}),
                   part = random_tensor(DType::f32, {3, 2, 3, 4});
      const Tensor first = random_ints({3}, 0, circular ? 6 : 4);
      const Tensor y = run(
          {cache, part, first},
          [&](auto& g, auto v) {
            return g.value("TensorScatter", v,
                           {{"axis", int64_t{-2}}, {"mode", std::string(circular ? "circular" : "linear")}});
          },
          24);
      Tensor expected = cache;
      for_each_index(part.shape(), [&](const Shape& at) {
        const int64_t to = (first.data<int64_t>()[static_cast<size_t>(at[0])] + at[2]) % 7;
        expected.data<float>()[flat(cache.shape(), {at[0], at[1], to, at[3]})] =
            part.data<float>()[flat(part.shape(), at)];
      });
      expect_same<float>(expected, y, circular ? "circular" : "linear");
    }
}

TEST(IndexingTest, CompressNeedsAConstantCondition) {
  const Tensor x = counted({3, 2});
  Tensor condition(DType::boolean, {3});
  condition.bytes()[1] = condition.bytes()[2] = std::byte{1};
  const auto constant = [&](SmallGraph& g) { return g.graph.add_constant("", condition); };
  expect_same<float>(
      Tensor::from<float>({2, 2}, std::vector<float>{3, 4, 5, 6}),
      run({x},
          [&](auto& g, auto v) { return g.value("Compress", {v[0], constant(g)}, {{"axis", int64_t{0}}}); }),
      "axis 0");
  expect_same<float>(Tensor::from<float>({2}, std::vector<float>{2, 3}),
                     run({x}, [&](auto& g, auto v) { return g.value("Compress", {v[0], constant(g)}); }),
                     "flat");
  SmallGraph g(1);
  Value* c = g.graph.add_value("c", DType::boolean, {3});
  g.graph.inputs.push_back(c);
  EXPECT_THROW(g.output(g.value("Compress", {g.input({3, 2}), c})), Error);
}

TEST(IndexingTest, TopKOfEveryForm) {
  const Tensor x = Tensor::from<float>({2, 4}, std::vector<float>{3, 1, 4, 1, 5, 9, 2, 6});
  const Tensor expected = Tensor::from<float>({2, 2}, std::vector<float>{4, 3, 9, 6});
  expect_same<float>(
      expected,
      run(
          {x}, [](auto& g, auto v) { return g.node("TopK", v, {{"k", int64_t{2}}}, 2)->outputs[0]; }, 9),
      "opset 9");
  expect_same<float>(
      expected,
      run(
          {x}, [](auto& g, auto v) { return g.node("TopK", {v[0], g.ints({2})}, {}, 2)->outputs[0]; }, 10),
      "opset 10");
  const Tensor smallest = run({x}, [](auto& g, auto v) {
    return g.node("TopK", {v[0], g.ints({3})}, {{"largest", int64_t{0}}, {"axis", int64_t{1}}}, 2)
        ->outputs[1];
  });
  expect_same<int64_t>(Tensor::from<int64_t>({2, 3}, Ints{1, 3, 0, 2, 0, 3}), smallest, "smallest");
}

TEST(IndexingTest, SuppressionIsPaddedToItsBound) {
  const Tensor boxes =
      Tensor::from<float>({1, 3, 4}, std::vector<float>{0, 0, 1, 1, 0, 0.1f, 1, 1.1f, 0, 10, 1, 11});
  const Tensor scores = Tensor::from<float>({1, 1, 3}, std::vector<float>{0.9f, 0.75f, 0.6f});
  const auto rows = [&](float threshold) {
    return run({boxes, scores}, [&](auto& g, auto v) {
      auto number = [&](float f) {
        return g.graph.add_constant("", Tensor::from<float>({1}, std::vector<float>{f}));
      };
      return g.value("NonMaxSuppression", {v[0], v[1], g.ints({3}), number(0.5f), number(threshold)});
    });
  };
  expect_same<int64_t>(Tensor::from<int64_t>({3, 3}, Ints{0, 0, 0, 0, 0, 2, -1, -1, -1}), rows(0.0f), "two");
  expect_same<int64_t>(Tensor::from<int64_t>({3, 3}, Ints{0, 0, 0, -1, -1, -1, -1, -1, -1}), rows(0.7f),
                       "one");
}

TEST(MovementTest, TileOfAnyRank) {
  for (int round = 0; round < 40; ++round) {
    const auto rank = static_cast<size_t>(random_int(1, 6));
    const Tensor x = random_tensor(DType::f32, random_shape(rank, 3));
    Ints repeats;
    Shape dims = x.shape();
    for (size_t i = 0; i < rank; ++i) repeats.push_back(random_int(1, 3)), dims[i] *= repeats[i];
    const Tensor y = run({x}, [&](auto& g, auto v) { return g.value("Tile", {v[0], g.ints(repeats)}); });
    Tensor expected(DType::f32, dims);
    for_each_index(dims, [&](const Shape& at) {
      Shape from = at;
      for (size_t i = 0; i < rank; ++i) from[i] %= x.shape()[i];
      expected.data<float>()[flat(dims, at)] = x.data<float>()[flat(x.shape(), from)];
    });
    expect_same<float>(expected, y, to_string(dims));
  }
}

TEST(MovementTest, PadInEveryMode) {
  for (const char* mode : {"constant", "edge", "reflect", "wrap"})
    for (int round = 0; round < 20; ++round) {
      const Tensor x = random_tensor(DType::f32, {3, 4, 5});
      const Tensor value = Tensor::from<float>({}, std::vector<float>{random_float(-2, 2)});
      const Ints axes{2, -3},
          pads{random_int(-2, 9), random_int(-1, 4), random_int(-2, 9), random_int(-1, 4)};
      const std::string name = mode;
      // The padding value is computed at run time.
      const Tensor y = run({x, value}, [&](auto& g, auto v) {
        return g.value("Pad", {v[0], g.ints(pads), name == "constant" ? v[1] : nullptr, g.ints(axes)},
                       {{"mode", name}});
      });
      const Shape dims{3 + pads[1] + pads[3], 4, 5 + pads[0] + pads[2]};
      ASSERT_EQ(y.shape(), dims);
      const auto source = [&](int64_t i, int64_t n) -> int64_t {
        if (name == "edge") return std::clamp<int64_t>(i, 0, n - 1);
        if (name == "wrap") return ((i % n) + n) % n;
        while (name == "reflect" && (i < 0 || i >= n)) i = i < 0 ? -i : 2 * (n - 1) - i;
        return i >= 0 && i < n ? i : -1;
      };
      for_each_index(dims, [&](const Shape& at) {
        const int64_t a = source(at[0] - pads[1], 3), b = source(at[2] - pads[0], 5);
        const float expected =
            a < 0 || b < 0 ? value.data<float>()[0] : x.data<float>()[flat(x.shape(), {a, at[1], b})];
        ASSERT_EQ(y.data<float>()[flat(dims, at)], expected) << mode;
      });
    }
}

TEST(MovementTest, SplitsInEqualParts) {
  const auto shapes = [](int64_t opset, size_t outputs, std::map<std::string, graph::Attribute> attributes) {
    SmallGraph g(1, opset);
    Node* n = g.node("Split", {g.input({7, 2})}, std::move(attributes), outputs);
    const std::vector<Value*> parts = n->outputs;
    g.graph.outputs = parts;
    ops::infer_shapes(g.graph);
    Ints extents;
    for (const Value* v : parts) extents.push_back(v->shape[0]);
    return extents;
  };
  EXPECT_EQ(shapes(18, 3, {{"num_outputs", int64_t{3}}}), (Ints{3, 3, 1}));
  EXPECT_EQ(shapes(11, 2, {{"split", Ints{2, 5}}}), (Ints{2, 5}));
  EXPECT_THROW(shapes(18, 3, {{"num_outputs", int64_t{2}}}), Error);
  // Parts that do not add up, also when their sum does not fit.
  for (const Ints& parts :
       {Ints{2, 4}, Ints{-1, 8}, Ints{std::numeric_limits<int64_t>::max(), 1}, Ints{8, -1}})
    EXPECT_THROW(shapes(11, 2, {{"split", parts}}), Error) << parts[0];
}

TEST(MovementTest, CenterCropPadCutsAndFillsBothEnds) {
  const Tensor x = counted({5, 2});
  const Tensor y = run({x}, [](auto& g, auto v) { return g.value("CenterCropPad", {v[0], g.ints({2, 5})}); });
  expect_same<float>(Tensor::from<float>({2, 5}, std::vector<float>{0, 3, 4, 0, 0, 0, 5, 6, 0, 0}), y,
                     "both");
}

TEST(MovementTest, Col2ImAddsOverlappingBlocks) {
  for (int round = 0; round < 20; ++round) {
    const Ints image{random_int(5, 8), random_int(5, 8)}, block{random_int(1, 3), random_int(1, 3)},
        strides{random_int(1, 2), random_int(1, 2)}, dilations{1, random_int(1, 2)},
        pads{random_int(0, 1), 0, 0, random_int(0, 1)};
    Ints counts;
    for (size_t i = 0; i < 2; ++i)
      counts.push_back((image[i] + pads[i] + pads[i + 2] - (block[i] - 1) * dilations[i] - 1) / strides[i] +
                       1);
    const int64_t kernel = block[0] * block[1];
    const Tensor x = random_tensor(DType::f32, {2, 3 * kernel, counts[0] * counts[1]});
    const Tensor y = run({x}, [&](auto& g, auto v) {
      return g.value("Col2Im", {v[0], g.ints(image), g.ints(block)},
                     {{"strides", strides}, {"dilations", dilations}, {"pads", pads}});
    });
    Tensor expected(DType::f32, {2, 3, image[0], image[1]});
    for_each_index({2, 3, block[0], block[1], counts[0], counts[1]}, [&](const Shape& at) {
      const int64_t r = at[4] * strides[0] + at[2] * dilations[0] - pads[0],
                    c = at[5] * strides[1] + at[3] * dilations[1] - pads[1];
      if (r < 0 || r >= image[0] || c < 0 || c >= image[1]) return;
      expected.data<float>()[flat(expected.shape(), {at[0], at[1], r, c})] += x.data<float>()[flat(
          x.shape(), {at[0], at[1] * kernel + at[2] * block[1] + at[3], at[4] * counts[1] + at[5]})];
    });
    ASSERT_EQ(y.shape(), expected.shape());
    for (size_t i = 0; i < y.size(); ++i) ASSERT_NEAR(y.data<float>()[i], expected.data<float>()[i], 1e-4);
  }
}

}  // namespace
}  // namespace openhb::test
