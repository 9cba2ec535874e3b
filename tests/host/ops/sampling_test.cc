// SPDX-License-Identifier: Apache-2.0
// Resize in its newer forms, sampling and pooling operators: against each other, naive loops, and the values
// that the ONNX specification's examples give.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/device/steps/harness.h"
#include "tests/host/compiler/small_graph.h"

namespace openhb::test {
namespace {

using Ints = std::vector<int64_t>;
using Floats = std::vector<float>;
using Attributes = std::map<std::string, graph::Attribute>;

Tensor run(const std::vector<Tensor>& inputs,
           const std::function<Value*(SmallGraph&, std::vector<Value*>)>& build, int64_t opset = 21) {
  SmallGraph g(1, opset);
  std::vector<Value*> values;
  for (const Tensor& t : inputs) values.push_back(g.input(t.shape()));
  g.output(build(g, values));
  return run_float(g.graph, inputs)[0];
}
Value* floats(SmallGraph& g, const Floats& values) {
  return g.graph.add_constant("", Tensor::from<float>({static_cast<int64_t>(values.size())}, values));
}
void expect_near(const Tensor& y, const Shape& shape, const Floats& expected, float tolerance = 1e-5f) {
  ASSERT_EQ(y.shape(), shape);
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(y.data<float>()[i], expected[i], tolerance) << "element " << i;
}
Tensor counted(const Shape& shape) {
  Tensor t(DType::f32, shape);
  for (size_t i = 0; i < t.size(); ++i) t.data<float>()[i] = static_cast<float>(i) + 1;
  return t;
}
Tensor resize(const Tensor& x, const Floats& scales, const Ints& sizes, Attributes attributes,
              const Floats& roi = {}) {
  return run({x}, [&](auto& g, auto v) {
    return g.value("Resize",
                   {v[0], roi.empty() ? nullptr : floats(g, roi),
                    scales.empty() ? nullptr : floats(g, scales), sizes.empty() ? nullptr : g.ints(sizes)},
                   attributes);
  });
}

// The examples of the specification (opset 18 and 19).
TEST(ResizeTest, Antialias) {
  const Tensor x = counted({1, 1, 4, 4});
  const Attributes linear{{"mode", std::string("linear")}, {"antialias", int64_t{1}}},
      cubic{{"mode", std::string("cubic")}, {"antialias", int64_t{1}}};
  expect_near(resize(x, {1, 1, 0.6f, 0.6f}, {}, linear), {1, 1, 2, 2}, {2.875f, 4.5f, 9.375f, 11.0f});
  expect_near(
      resize(x, {}, {1, 1, 3, 3}, linear), {1, 1, 3, 3},
      {2.3636363f, 3.590909f, 4.818182f, 7.2727275f, 8.5f, 9.727273f, 12.181818f, 13.409091f, 14.636364f});
  expect_near(resize(x, {1, 1, 0.6f, 0.6f}, {}, cubic), {1, 1, 2, 2},
              {2.5180721f, 4.2858863f, 9.589329f, 11.357142f});
}
TEST(ResizeTest, AxesAndAspectRatio) {
  const Tensor x = counted({1, 1, 2, 4});
  const auto with = [&](const char* policy, const Ints& sizes) {
    return resize(x, {}, sizes, {{"keep_aspect_ratio_policy", std::string(policy)}, {"axes", Ints{2, 3}}});
  };
  expect_near(with("not_larger", {1, 3}), {1, 1, 1, 2}, {1, 3});
  EXPECT_EQ(with("not_smaller", {1, 3}).shape(), (Shape{1, 1, 2, 3}));
  EXPECT_EQ(resize(x, {2.0f}, {}, {{"axes", Ints{-1}}}).shape(), (Shape{1, 1, 2, 8}));
}
TEST(ResizeTest, HalfPixelSymmetric) {
  const Attributes a{{"mode", std::string("linear")},
                     {"coordinate_transformation_mode", std::string("half_pixel_symmetric")}};
  expect_near(resize(counted({1, 1, 1, 4}), {1, 1, 1, 0.6f}, {}, a), {1, 1, 1, 2}, {1.6666667f, 3.3333333f});
}
TEST(ResizeTest, CropLeavesThePicture) {
  const Attributes a{{"mode", std::string("linear")},
                     {"coordinate_transformation_mode", std::string("tf_crop_and_resize")},
                     {"extrapolation_value", 10.0f}};
  // From 0.5 to 1.5 of a row of 3: coordinates 1, 2, 3; the last one is outside.
  expect_near(resize(counted({1, 1, 1, 3}), {}, {1, 1, 1, 3}, a, {0, 0, 0, 0.5f, 1, 1, 1, 1.5f}),
              {1, 1, 1, 3}, {2, 3, 10});
}

// Cubic and linear over any axes: the kernel sum, written out.
TEST(ResizeTest, AnyAxesEqualTheKernelSum) {
  for (const char* mode : {"linear", "cubic", "nearest"})
    for (int round = 0; round < 20; ++round) {
      const auto rank = static_cast<size_t>(random_int(1, 5));
      const Tensor x = random_tensor(DType::f32, random_shape(rank, 5));
      Shape sizes;
      for (int64_t n : x.shape()) sizes.push_back(random_int(1, 2 * n + 1));
      const Tensor y = resize(x, {}, sizes, {{"mode", std::string(mode)}});
      ASSERT_EQ(y.shape(), sizes);
      const bool cubic = std::string(mode) == "cubic";
      for_each_index(sizes, [&](const Shape& at) {
        const std::function<double(size_t, Shape)> sum = [&](size_t k, Shape from) -> double {
          if (k == rank) return static_cast<double>(x.data<float>()[flat(x.shape(), from)]);
          const int64_t n = x.shape()[k];
          const float scale = static_cast<float>(sizes[k]) / static_cast<float>(n);
          const float at_source = (static_cast<float>(at[k]) + 0.5f) / scale - 0.5f;
          const auto v = static_cast<double>(at_source);
          double total = 0;
          const auto first = static_cast<int64_t>(std::floor(v)) - 1;
          for (int64_t i = first; i < first + 4; ++i) {
            const double d = std::fabs(v - static_cast<double>(i)), a = -0.75;
            double w = std::max(0.0, 1 - d);
            if (cubic)
              w = d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1 : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
            if (std::string(mode) == "nearest")
              w = i == static_cast<int64_t>(std::ceil(at_source - 0.5f)) ? 1 : 0;
            Shape next = from;
            next.push_back(std::clamp<int64_t>(i, 0, n - 1));
            if (w != 0) total += w * sum(k + 1, next);
          }
          return total;
        };
        ASSERT_NEAR(y.data<float>()[flat(sizes, at)], sum(0, {}), 1e-4) << mode;
      });
    }
}

TEST(SamplingTest, IdentityGridGivesTheInput) {
  for (const int64_t align : {0, 1})
    for (const bool volume : {false, true}) {
      const Shape shape = volume ? Shape{2, 3, 2, 4, 5} : Shape{2, 3, 4, 5};
      const Tensor x = random_tensor(DType::f32, shape);
      const int64_t n = volume ? 3 : 2;
      Tensor theta(DType::f32, {2, n, n + 1});
      for (int64_t b = 0; b < 2; ++b)
        for (int64_t i = 0; i < n; ++i)
          theta.data<float>()[static_cast<size_t>((b * n + i) * (n + 1) + i)] = 1;
      for (const char* mode : {"linear", "cubic", "nearest"}) {
        const Tensor y = run({x, theta}, [&](auto& g, auto v) {
          Value* grid = g.value("AffineGrid", {v[1], g.ints(shape)}, {{"align_corners", align}});
          return g.value("GridSample", {v[0], grid}, {{"mode", std::string(mode)}, {"align_corners", align}});
        });
        expect_near(y, shape, {x.data<float>().begin(), x.data<float>().end()}, 1e-4f);
      }
    }
}

// Opset 16 names.
TEST(SamplingTest, GridSampleOfOpset16) {
  const Tensor x = random_tensor(DType::f32, {1, 2, 4, 5}),
               grid = random_tensor(DType::f32, {1, 3, 2, 2}, 1.2f);
  const auto with = [&](const char* mode, int64_t opset) {
    return run(
        {x, grid}, [&](auto& g, auto v) { return g.value("GridSample", v, {{"mode", std::string(mode)}}); },
        opset);
  };
  expect_same<float>(with("linear", 20), with("bilinear", 16), "linear");
  expect_same<float>(with("cubic", 20), with("bicubic", 16), "cubic");
}

TEST(SamplingTest, DeformConvWithoutOffsetsIsConv) {
  for (int round = 0; round < 10; ++round) {
    const int64_t groups = random_int(1, 2), offset_groups = random_int(1, 2);
    const Tensor x = random_tensor(DType::f32, {2, 4, 6, 7}),
                 w = random_tensor(DType::f32, {6, 4 / groups, 3, 2}), bias = random_tensor(DType::f32, {6});
    const Attributes a{{"strides", Ints{1, 2}},
                       {"pads", Ints{1, 0, 1, 1}},
                       {"dilations", Ints{1, 2}},
                       {"group", groups},
                       {"kernel_shape", Ints{3, 2}}};
    const Tensor expected = run({x}, [&](auto& g, auto v) {
      return g.value("Conv", {v[0], g.graph.add_constant("", w), g.graph.add_constant("", bias)}, a);
    });
    Attributes deform = a;
    deform["offset_group"] = offset_groups;
    Tensor offsets(DType::f32, {2, offset_groups * 12, expected.shape()[2], expected.shape()[3]});
    Tensor mask(DType::f32, {2, offset_groups * 6, expected.shape()[2], expected.shape()[3]});
    for (float& v : mask.data<float>()) v = 1;
    const Tensor y =
        run({x, w, offsets, bias, mask}, [&](auto& g, auto v) { return g.value("DeformConv", v, deform); });
    expect_near(y, expected.shape(), {expected.data<float>().begin(), expected.data<float>().end()}, 1e-4f);
  }
}

// ---- pools ----

TEST(PoolTest, PowersOverWindows) {
  for (const int64_t p : {1, 2, 3}) {
    const Tensor x = random_tensor(DType::f32, {1, 2, 5, 6});
    const Tensor y = run({x}, [&](auto& g, auto v) {
      return g.value(
          "LpPool", {v[0]},
          {{"kernel_shape", Ints{3, 2}}, {"strides", Ints{2, 1}}, {"pads", Ints{1, 0, 0, 1}}, {"p", p}});
    });
    ASSERT_EQ(y.shape(), (Shape{1, 2, 2, 6}));
    for_each_index(y.shape(), [&](const Shape& at) {
      double sum = 0;
      for (int64_t i = 0; i < 3; ++i)
        for (int64_t j = 0; j < 2; ++j) {
          const int64_t r = at[2] * 2 + i - 1, c = at[3] + j;
          if (r < 0 || r >= 5 || c < 0 || c >= 6) continue;
          sum += std::pow(std::fabs(static_cast<double>(x.data<float>()[flat(x.shape(), {0, at[1], r, c})])),
                          static_cast<double>(p));
        }
      ASSERT_NEAR(y.data<float>()[flat(y.shape(), at)], std::pow(sum, 1.0 / static_cast<double>(p)), 1e-4);
    });
    const Tensor whole =
        run({x}, [&](auto& g, auto v) { return g.value("GlobalLpPool", {v[0]}, {{"p", p}}); });
    for (int64_t c = 0; c < 2; ++c) {
      double sum = 0;
      for (size_t i = 0; i < 30; ++i)
        sum += std::pow(std::fabs(static_cast<double>(x.data<float>()[static_cast<size_t>(c) * 30 + i])),
                        static_cast<double>(p));
      EXPECT_NEAR(whole.data<float>()[static_cast<size_t>(c)], std::pow(sum, 1.0 / static_cast<double>(p)),
                  1e-4);
    }
  }
}

// What MaxPool takes out, MaxUnpool puts back where it was.
TEST(PoolTest, MaxUnpoolInvertsMaxPool) {
  const Tensor x = random_tensor(DType::f32, {2, 3, 4, 6}, 3);
  const Attributes window{{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}};
  const Tensor y = run({x}, [&](auto& g, auto v) {
    const auto pooled = g.node("MaxPool", {v[0]}, window, 2)->outputs;
    return g.value("MaxUnpool", {pooled[0], pooled[1]}, window);
  });
  ASSERT_EQ(y.shape(), x.shape());
  for_each_index(x.shape(), [&](const Shape& at) {
    float most = -10;
    for (int64_t i = 0; i < 2; ++i)
      for (int64_t j = 0; j < 2; ++j)
        most = std::max(
            most, x.data<float>()[flat(x.shape(), {at[0], at[1], at[2] / 2 * 2 + i, at[3] / 2 * 2 + j})]);
    const float v = x.data<float>()[flat(x.shape(), at)];
    ASSERT_EQ(y.data<float>()[flat(x.shape(), at)], v == most ? v : 0.0f);
  });
}

TEST(PoolTest, GlobalPoolsOfAnyRank) {
  for (const Shape& shape :
       {Shape{2, 3, 5}, Shape{2, 3, 4, 5}, Shape{2, 3, 2, 4, 5}, Shape{1, 2, 2, 3, 2, 2}}) {
    const Tensor x = random_tensor(DType::f32, shape);
    const auto pixels = static_cast<size_t>(num_elements(Shape(shape.begin() + 2, shape.end())));
    const Tensor mean = run({x}, [](auto& g, auto v) { return g.value("GlobalAveragePool", v); }),
                 most = run({x}, [](auto& g, auto v) { return g.value("GlobalMaxPool", v); });
    for (size_t c = 0; c < mean.size(); ++c) {
      const auto plane = x.data<float>().subspan(c * pixels, pixels);
      double sum = 0;
      for (float v : plane) sum += static_cast<double>(v);
      EXPECT_NEAR(mean.data<float>()[c], sum / static_cast<double>(pixels), 1e-5);
      EXPECT_EQ(most.data<float>()[c], *std::ranges::max_element(plane));
    }
  }
}

TEST(PoolTest, LrnDividesByNeighbouringChannels) {
  for (const int64_t size : {1, 2, 3, 4}) {
    const Tensor x = random_tensor(DType::f32, {2, 5, 3, 2});
    const Tensor y = run({x}, [&](auto& g, auto v) {
      return g.value("LRN", v, {{"size", size}, {"alpha", 0.5f}, {"beta", 0.6f}, {"bias", 2.0f}});
    });
    for_each_index(x.shape(), [&](const Shape& at) {
      double sum = 0;
      for (int64_t c = std::max<int64_t>(at[1] - (size - 1) / 2, 0);
           c <= std::min<int64_t>(at[1] + size / 2, 4); ++c) {
        const auto v = static_cast<double>(x.data<float>()[flat(x.shape(), {at[0], c, at[2], at[3]})]);
        sum += v * v;
      }
      const auto v = static_cast<double>(x.data<float>()[flat(x.shape(), at)]);
      ASSERT_NEAR(y.data<float>()[flat(x.shape(), at)],
                  v / std::pow(2 + 0.5 / static_cast<double>(size) * sum, 0.6), 1e-5);
    });
  }
}

// Such a window has no maximum; with the padding counted it has a mean.
TEST(PoolTest, RefusesWindowsWithoutInput) {
  const auto pool = [](const char* op, Attributes attributes) {
    attributes["kernel_shape"] = Ints{2}, attributes["pads"] = Ints{2, 0};
    return run({counted({1, 1, 4})}, [&](auto& g, auto v) { return g.value(op, v, attributes); });
  };
  EXPECT_THROW(pool("MaxPool", {}), Error);
  EXPECT_THROW(pool("AveragePool", {}), Error);
  expect_near(pool("AveragePool", {{"count_include_pad", int64_t{1}}}), {1, 1, 5},
              {0, 0.5f, 1.5f, 2.5f, 3.5f});
  EXPECT_NO_THROW(pool("MaxPool", {{"strides", Ints{3}}, {"dilations", Ints{3}}}));
}

}  // namespace
}  // namespace openhb::test
