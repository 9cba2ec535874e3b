// SPDX-License-Identifier: Apache-2.0
#include "host/calibration/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <random>

namespace openhb::calibration {
namespace {

void expect_equal(const Histogram& a, const Histogram& b) {
  EXPECT_EQ(a.count(), b.count());
  EXPECT_EQ(a.zeros(), b.zeros());
  EXPECT_EQ(a.non_finite(), b.non_finite());
  EXPECT_EQ(std::bit_cast<uint32_t>(a.min()), std::bit_cast<uint32_t>(b.min()));
  EXPECT_EQ(std::bit_cast<uint32_t>(a.max()), std::bit_cast<uint32_t>(b.max()));
  EXPECT_EQ(a.range(), b.range());
  EXPECT_TRUE(std::ranges::equal(a.positive(), b.positive()));
  EXPECT_TRUE(std::ranges::equal(a.negative(), b.negative()));
}

// Finite floats of all sizes, with zeros, infinities, NaN and exact powers of two among them.
std::vector<float> wild_values(std::mt19937& generator, size_t count) {
  const int spread = 1 + static_cast<int>(generator() % 140);
  std::vector<float> values(count);
  for (float& v : values) {
    const uint32_t kind = generator() % 32;
    const float sign = generator() % 2 ? 1.0f : -1.0f;
    const int exponent = static_cast<int>(generator() % static_cast<uint32_t>(spread)) - spread / 2;
    const float mantissa = static_cast<float>(generator()) * 0x1p-32f;
    v = kind == 0   ? sign * 0.0f
        : kind == 1 ? sign * std::numeric_limits<float>::infinity()
        : kind == 2 ? std::numeric_limits<float>::quiet_NaN()
        : kind < 6  ? sign * std::ldexp(1.0f, exponent)
                    : sign * std::ldexp(mantissa, exponent);
  }
  return values;
}

// What the class promises, value by value.
void expect_counts(const Histogram& h, const std::vector<float>& values) {
  uint64_t finite = 0, zeros = 0;
  double absmax = 0;
  float low = 0, high = 0;
  for (float v : values) {
    if (!std::isfinite(v)) continue;
    low = finite == 0 ? v : std::min(low, v);
    high = finite == 0 ? v : std::max(high, v);
    ++finite;
    zeros += v == 0;
    absmax = std::max(absmax, std::abs(double{v}));
  }
  EXPECT_EQ(h.count(), finite);
  EXPECT_EQ(h.zeros(), zeros);
  EXPECT_EQ(h.non_finite(), values.size() - finite);
  EXPECT_EQ(h.min(), low);
  EXPECT_EQ(h.max(), high);
  if (absmax == 0) {
    EXPECT_EQ(h.range(), 0);
    return;
  }
  EXPECT_GT(h.range(), absmax);
  EXPECT_TRUE(h.range() <= 2 * absmax || h.range() == 0x1p-110);
  std::vector<uint64_t> positive(Histogram::kBins), negative(Histogram::kBins);
  for (float v : values)
    if (std::isfinite(v) && v != 0)
      ++(v > 0 ? positive
               : negative)[static_cast<size_t>(std::abs(double{v}) * Histogram::kBins / h.range())];
  EXPECT_TRUE(std::ranges::equal(h.positive(), positive));
  EXPECT_TRUE(std::ranges::equal(h.negative(), negative));
}

TEST(Histogram, CountsAsPromised) {
  std::mt19937 generator(1);
  for (int round = 0; round < 100; ++round) {
    const std::vector<float> values = wild_values(generator, 1 + generator() % 6000);
    Histogram h;
    h.add(values);
    expect_counts(h, values);
  }
}

TEST(Histogram, OrderAndShardsDoNotMatter) {
  std::mt19937 generator(2);
  for (int round = 0; round < 150; ++round) {
    std::vector<float> values = wild_values(generator, 1 + generator() % 8000);
    Histogram whole;
    whole.add(values);
    std::shuffle(values.begin(), values.end(), generator);
    std::vector<Histogram> shards(1 + generator() % 5);
    for (size_t at = 0; at < values.size();) {
      const size_t n = std::min(values.size() - at, size_t{generator() % 3000});
      shards[generator() % shards.size()].add(std::span(values).subspan(at, n));
      at += n;
    }
    Histogram merged;
    for (const Histogram& shard : shards) merged.merge(shard);
    expect_equal(whole, merged);
  }
}

TEST(Histogram, LargeTensorsUseTheSameCounts) {
  std::mt19937 generator(3);
  std::vector<float> values;
  for (int part = 0; part < 40; ++part) {
    const std::vector<float> more = wild_values(generator, 5000);
    values.insert(values.end(), more.begin(), more.end());
  }
  Histogram h;
  h.add(values);
  expect_counts(h, values);
}

TEST(Histogram, Extremes) {
  const float largest = std::numeric_limits<float>::max(),
              smallest = std::numeric_limits<float>::denorm_min();
  Histogram h;
  h.add(std::vector<float>{smallest, -smallest});
  EXPECT_EQ(h.range(), 0x1p-110);
  EXPECT_EQ(h.positive()[0], 1u);
  EXPECT_EQ(h.negative()[0], 1u);
  h.add(std::vector<float>{largest, -largest});
  EXPECT_EQ(h.range(), 0x1p128);
  EXPECT_EQ(h.positive()[0], 1u);
  EXPECT_EQ(h.positive()[Histogram::kBins - 1], 1u);
  EXPECT_EQ(h.negative()[Histogram::kBins - 1], 1u);
}

TEST(Histogram, EmptyAndZeros) {
  Histogram h;
  h.add({});
  EXPECT_EQ(h.count(), 0u);
  EXPECT_EQ(h.min(), 0);
  EXPECT_EQ(h.range(), 0);
  h.add(std::vector<float>{0.0f, -0.0f, NAN});
  EXPECT_EQ(h.count(), 2u);
  EXPECT_EQ(h.zeros(), 2u);
  EXPECT_EQ(h.non_finite(), 1u);
  EXPECT_EQ(h.range(), 0);
  EXPECT_FALSE(std::signbit(h.min()));
  Histogram other;
  other.add(std::vector<float>{1.0f});
  other.merge(h);
  EXPECT_EQ(other.range(), 2);
  EXPECT_EQ(other.count(), 3u);
  EXPECT_EQ(other.min(), 0);
  h.merge(other);
  EXPECT_EQ(h.count(), 5u);
  EXPECT_EQ(h.range(), 2);
}

}  // namespace
}  // namespace openhb::calibration
