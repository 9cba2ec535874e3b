// SPDX-License-Identifier: Apache-2.0
#include "host/calibration/coarse.h"

#include <gtest/gtest.h>

#include <numeric>
#include <random>

namespace openhb::calibration {
namespace {

TEST(CoarseTest, KeepsEveryValueInItsPlace) {
  for (uint32_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    std::uniform_real_distribution<float> place(-3, 3), size(0.001f, 100.0f);
    const float centre = place(random), scale = size(random);
    std::vector<float> values(2000);
    for (float& v : values) v = (centre + place(random) * place(random)) * scale;
    values[0] = 0;
    Histogram fine;
    fine.add(values);
    const size_t most = seed % 3 ? 256 : 4;
    const ClipRange chosen{-scale, scale};
    const auto h = coarse(fine, chosen, most);

    ASSERT_LE(h.bins.size(), most);
    EXPECT_GT(h.bins.front(), 0u);
    EXPECT_GT(h.bins.back(), 0u);
    EXPECT_EQ(std::accumulate(h.bins.begin(), h.bins.end(), uint64_t{0}) + h.zeros, values.size());
    std::vector<uint64_t> expected(h.bins.size());
    double clipped = 0, near = 0;
    const double bin = fine.range() / Histogram::kBins;
    for (const double v : values) {
      clipped += v < chosen.lo || v > chosen.hi;
      near += std::abs(std::abs(v) - scale) <= bin;
      if (v == 0) continue;
      const double at = (v - h.first) / h.width;
      // A negative value on an edge counts below it.
      ++expected.at(static_cast<size_t>(v < 0 ? std::ceil(at) - 1 : std::floor(at)));
    }
    EXPECT_EQ(h.bins, expected);
    EXPECT_NEAR(h.clipped, clipped, near + 1e-6);
    EXPECT_EQ(h.min, fine.min());
    EXPECT_EQ(h.max, fine.max());
  }
}

TEST(CoarseTest, NothingButZeros) {
  Histogram fine;
  EXPECT_TRUE(coarse(fine, {0, 0}).bins.empty());
  fine.add(std::vector<float>(7, 0.0f));
  const auto h = coarse(fine, {0, 0});
  EXPECT_TRUE(h.bins.empty());
  EXPECT_EQ(h.zeros, 7u);
  EXPECT_EQ(h.clipped, 0);
}

}  // namespace
}  // namespace openhb::calibration
