// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "host/quantize/weights.h"

namespace openhb::quantize {
namespace {

Tensor floats(const Shape& shape, const std::vector<float>& values) {
  return Tensor::from<float>(shape, values);
}

TEST(QuantizeWeightsTest, ScalesAreTheLargestMagnitudeOver127) {
  std::mt19937 random(1);
  std::uniform_real_distribution<float> uniform(-2, 2);
  for (int axis : {0, 1}) {
    Tensor w(DType::f32, {6, 5, 3});
    for (float& v : w.data<float>()) v = uniform(random);
    const IntegerWeights q = quantize_weights(w, axis, nullptr, 0.1f);
    const auto channels = static_cast<size_t>(w.shape()[static_cast<size_t>(axis)]);
    ASSERT_EQ(q.scales.size(), channels);
    EXPECT_EQ(q.bias, std::vector<int32_t>(channels, 0));
    std::vector<float> largest(channels, 0);
    for (size_t i = 0; i < w.size(); ++i) {
      const size_t c = axis == 0 ? i / 15 : i / 3 % 5;
      largest[c] = std::max(largest[c], std::fabs(w.data<float>()[i]));
      EXPECT_LE(std::fabs(static_cast<float>(q.codes[i]) * q.scales[c] - w.data<float>()[i]),
                q.scales[c] * 0.5001f);
    }
    for (size_t c = 0; c < channels; ++c) EXPECT_EQ(q.scales[c], largest[c] / 127.0f);
  }
}

TEST(QuantizeWeightsTest, BiasRoundsToTheNearestEvenMultiple) {
  const Tensor w = floats({4, 1}, {127, 127, 127, -127}), bias = floats({4}, {0.25f, 0.75f, -1.3f, 100.0f});
  const IntegerWeights q = quantize_weights(w, 0, &bias, 0.5f);  // sx * sw = 0.5
  EXPECT_EQ(q.bias, (std::vector<int32_t>{0, 2, -3, 200}));
  EXPECT_EQ(q.codes, (std::vector<int8_t>{127, 127, 127, -127}));
}

TEST(QuantizeWeightsTest, DeadChannelKeepsItsBias) {
  const Tensor w = floats({3, 2}, {1.27f, 0, 0, 0, 0, -2.54f}), bias = floats({3}, {0, 0.5f, 0});
  const IntegerWeights q = quantize_weights(w, 0, &bias, 0.01f);
  EXPECT_EQ(q.codes[2], 0);
  EXPECT_EQ(q.codes[3], 0);
  EXPECT_NEAR(static_cast<float>(q.bias[1]) * q.scales[1] * 0.01f, 0.5f, q.scales[1] * 0.01f);
  const Tensor nothing = floats({2, 1}, {0, 0});
  for (float s : quantize_weights(nothing, 0, nullptr, 1.0f).scales) EXPECT_GT(s, 0);
}

TEST(QuantizeWeightsTest, HugeBiasRaisesTheScale) {
  const Tensor w = floats({2, 1}, {1e-6f, 1.0f}), bias = floats({2}, {5000.0f, 1.0f});
  const float sx = 1e-4f;
  const IntegerWeights q = quantize_weights(w, 0, &bias, sx);
  EXPECT_LE(std::abs(static_cast<int64_t>(q.bias[0])), (int64_t{1} << 30));
  EXPECT_NEAR(static_cast<double>(q.bias[0]) * static_cast<double>(q.scales[0] * sx), 5000.0, 0.01);
  EXPECT_EQ(q.scales[1], 1.0f / 127.0f);
  EXPECT_TRUE(accumulator_fits(q, w.shape(), 0, 0));
}

TEST(QuantizeWeightsTest, TinyWeightsAndScalesStayFinite) {
  const Tensor w = floats({1, 2}, {1e-38f, -1e-40f}), bias = floats({1}, {1.0f});
  const IntegerWeights q = quantize_weights(w, 0, &bias, 1e-12f);
  EXPECT_TRUE(std::isfinite(q.scales[0]) && q.scales[0] > 0);
  EXPECT_NEAR(static_cast<double>(q.bias[0]) * static_cast<double>(q.scales[0]) * 1e-12, 1.0, 1e-3);
}

TEST(AccumulatorTest, FitsUpToTheLimitAndNotBeyond) {
  IntegerWeights q{std::vector<int8_t>(66000, 127), {1.0f}, {0}};
  const Shape shape{1, 66000};  // 66000 * 127 * 255 = 2137410000 < 2^31 = 2147483648
  EXPECT_TRUE(accumulator_fits(q, shape, 0, 0));
  q.bias[0] = 10073647;
  EXPECT_TRUE(accumulator_fits(q, shape, 0, 0));
  q.bias[0] = 10073648;
  EXPECT_FALSE(accumulator_fits(q, shape, 0, 0));
  q.bias[0] = -10073648;
  EXPECT_FALSE(accumulator_fits(q, shape, 0, 0));
  q.bias[0] = 0;
  EXPECT_FALSE(accumulator_fits(q, shape, 0, -128));
}

}  // namespace
}  // namespace openhb::quantize
