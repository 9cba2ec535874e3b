// SPDX-License-Identifier: Apache-2.0
#include "host/verify/stages/facts.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "host/verify/stages/similarity.h"

namespace openhb::verify {
namespace {

graph::Value value_of(Shape shape, float scale, int32_t zero) {
  graph::Value v;
  v.shape = std::move(shape);
  v.quant = QuantParams{{scale}, {zero}, -1};
  return v;
}

TEST(Similarity, IsThatOfVectors) {
  const std::vector<float> a{1, 2, 3}, twice{2, 4, 6}, zero{0, 0, 0};
  EXPECT_EQ(similarity(a, a).noise, 0);
  EXPECT_EQ(similarity(a, a).cosine, 1);
  EXPECT_NEAR(similarity(twice, a).cosine, 1, 1e-15);
  EXPECT_NEAR(similarity(twice, a).relative_l2(), 1, 1e-12);
  EXPECT_EQ(similarity(zero, zero).cosine, 1);
  EXPECT_EQ(similarity(a, zero).cosine, 0);
  EXPECT_EQ(similarity(a, zero).noise, kMostNoise);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(similarity(std::vector<float>{1, nan}, std::vector<float>{1, nan}).cosine, 1);
  EXPECT_EQ(similarity(std::vector<float>{1, nan}, std::vector<float>{1, 2}).cosine, 0);
  EXPECT_EQ(similarity(std::vector<float>{1}, std::vector<float>{1, 2}).cosine, 0);
}

TEST(Similarity, RealValuesOfCodes) {
  DumpedTensor t;
  t.values = Tensor::from<int8_t>({1, 2, 2}, std::vector<int8_t>{-128, 0, 1, 127});
  EXPECT_FALSE(real_values(t));  // no scales: an index
  t.quant = {{0.5f}, {-128}, -1};
  EXPECT_EQ(*real_values(t), (std::vector<float>{0, 64, 64.5f, 127.5f}));
  t.values = Tensor::from<int32_t>({1, 2, 2}, std::vector<int32_t>{1, 2, 3, 4});
  t.quant = {{1, 10}, {0, 0}, 1};
  EXPECT_EQ(*real_values(t), (std::vector<float>{1, 2, 30, 40}));
}

TEST(CodeFacts, Clipping) {
  std::vector<float> values(1000, 0.5f);
  for (size_t i = 0; i < 100; ++i) values[i] = 20.0f;
  const CodeFacts f = code_facts(values, value_of({1, 1000}, 0.01f, -128));
  EXPECT_NEAR(f.clipped, 0.1, 1e-9);
  EXPECT_GT(f.clip_noise, 0.5);
  EXPECT_LT(f.round_noise, 1e-3);
  EXPECT_EQ(f.most, 20.0f);
  EXPECT_NEAR(f.hi, 2.55f, 1e-5);
}

TEST(CodeFacts, CodesThatAreLeft) {
  std::vector<float> values;
  for (int i = 0; i < 10000; ++i) values.push_back(static_cast<float>(i % 100) / 100);
  values[3] = 100;
  const CodeFacts f = code_facts(values, value_of({1, 1, 10000}, 100.0f / 255, -128));
  EXPECT_EQ(f.clipped, 0);
  EXPECT_GT(f.round_noise, 10 * f.clip_noise);
  EXPECT_LT(f.core_hi, 1.0f);
  EXPECT_LT((f.core_hi - f.core_lo) / (f.hi - f.lo), 0.02f);
}

TEST(CodeFacts, ChannelsThatDiffer) {
  std::vector<float> values;
  for (int c = 0; c < 8; ++c)
    for (int i = 0; i < 50; ++i) values.push_back((c == 5 ? 10.0f : 0.5f) * static_cast<float>(i) / 49);
  const CodeFacts f = code_facts(values, value_of({1, 8, 50}, 10.0f / 255, -128));
  EXPECT_EQ(f.channel_count, 8u);
  EXPECT_NEAR(f.channels, 0.05, 1e-6);
}

TEST(CodeFacts, NothingFinite) {
  const std::vector<float> values(4, std::numeric_limits<float>::infinity());
  EXPECT_EQ(code_facts(values, value_of({4}, 1, 0)).clipped, 0);
}

TEST(ShiftShare, OfChannels) {
  const std::vector<float> b(20, 1.0f);
  std::vector<float> shifted(b), noisy(b);
  for (size_t i = 0; i < 10; ++i) shifted[i] += 0.5f;
  for (size_t i = 0; i < 20; ++i) noisy[i] += i % 2 ? 0.5f : -0.5f;
  EXPECT_NEAR(shift_share(shifted, b, {1, 2, 10}), 1, 1e-6);
  EXPECT_NEAR(shift_share(noisy, b, {1, 2, 10}), 0, 1e-6);
  EXPECT_EQ(shift_share(b, b, {1, 2, 10}), 0);
}

}  // namespace
}  // namespace openhb::verify
