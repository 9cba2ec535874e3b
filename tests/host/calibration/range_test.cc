// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "common/error.h"
#include "host/calibration/select.h"
#include "tests/host/calibration/distributions.h"

namespace openhb::calibration {
namespace {

constexpr size_t kCount = size_t{1} << 16;

Histogram histogram_of(const std::vector<float>& values) {
  Histogram h;
  h.add(values);
  return h;
}

// The best of a search over the values themselves: thresholds in steps of 1.5 %.
double best_symmetric(const std::vector<float>& values, ClipRange limits) {
  const float absmax = std::max(-limits.lo, limits.hi);
  double best = HUGE_VAL;
  for (double t = absmax; t > absmax * 0.02; t *= 0.985)
    best = std::min(best, measured_error(values, {limits.lo < 0 ? -float(t) : 0, float(t)}));
  return best;
}

// The same for both ends: alternating searches from the full range.
double best_asymmetric(const std::vector<float>& values, ClipRange limits) {
  double best = measured_error(values, limits);
  for (int round = 0; round < 2; ++round)
    for (float ClipRange::* end : {&ClipRange::hi, &ClipRange::lo}) {
      ClipRange attempt = limits;
      for (double factor = 1.3; factor > 0.1; factor *= 0.98) {
        attempt.*end = limits.*end * static_cast<float>(factor);
        if (!(attempt.hi > attempt.lo)) continue;
        const double error = measured_error(values, attempt);
        if (error < best) best = error, limits.*end = attempt.*end;
      }
    }
  return best;
}

TEST(Range, MseIsWithinATenthOfADecibelOfSearchOnTheValues) {
  for (const Distribution& d : distributions()) {
    const std::vector<float> values = sample(d, kCount, 11);
    const Histogram h = histogram_of(values);
    const double symmetric = sqnr(values, measured_error(values, choose_range(h, Method::mse, 1, true)));
    const double asymmetric = sqnr(values, measured_error(values, choose_range(h, Method::mse, 1, false)));
    const ClipRange full = choose_range(h, Method::max, 1, false);
    const double best = sqnr(values, best_symmetric(values, full));
    const double best_two = sqnr(values, best_asymmetric(values, full));
    std::printf(
        "%-14s max %5.2f  mse %5.2f of %5.2f dB  asymmetric %5.2f of %5.2f dB  kl %5.2f / %5.2f  p %5.2f\n",
        d.name.c_str(), sqnr(values, measured_error(values, choose_range(h, Method::max, 1, true))),
        symmetric, best, asymmetric, best_two,
        sqnr(values, measured_error(values, choose_range(h, Method::kl, 1, true))),
        sqnr(values, measured_error(values, choose_range(h, Method::kl, 1, false))),
        sqnr(values, measured_error(values, choose_range(h, Method::percentile, 0.99995, true))));
    EXPECT_GT(symmetric, best - 0.1) << d.name;
    EXPECT_GT(asymmetric, best_two - 0.1) << d.name;
    // A zero point is rounded, which may cost a little.
    EXPECT_GT(asymmetric, symmetric - 0.1) << d.name;
  }
}

TEST(Range, ExpectedErrorIsTheMeasuredOne) {
  for (const Distribution& d : distributions()) {
    const std::vector<float> values = sample(d, kCount, 12);
    const Histogram h = histogram_of(values);
    for (Method method : {Method::max, Method::percentile, Method::kl, Method::mse})
      for (bool symmetric : {true, false}) {
        const ClipRange range = choose_range(h, method, 0.9999, symmetric);
        EXPECT_NEAR(sqnr(values, expected_error(h, range)), sqnr(values, measured_error(values, range)), 0.15)
            << d.name << " method " << static_cast<int>(method) << " symmetric " << symmetric;
      }
  }
}

// Reference vectors: 65,536 values, published figures of OCTAV computed on the raw values, and quantiles.
TEST(Range, AgreesWithReferenceVectors) {
  struct Row {
    size_t distribution;
    float first, min, max;
    double p9999, octav, octav_lo, octav_hi;
  };
  const Row rows[] = {{0, 0.66987f, -4.62541f, 4.26240f, 3.90156, 4.00153, -4.17614, 3.87007},
                      {1, 0.43028f, -12.83315f, 10.57017f, 9.74449, 10.32492, -11.09135, 9.64956},
                      {2, 0, 0, 4.04839f, 3.85127, 3.95728, 0, 3.95665},
                      {3, -0.87078f, -47.09794f, 54.38428f, 4.23947, 43.74891, -39.80063, 47.08697},
                      {4, 0.04734f, -0.16997f, 5.92828f, 5.50980, 5.46105, -0.16947, 5.71038},
                      {5, 0.00117f, -195.13202f, 40.91231f, 28.06788, 146.34957, -178.05111, 25.33085}};
  for (const Row& row : rows) {
    const Distribution d = distributions()[row.distribution];
    const std::vector<float> values = sample(d, 65536, 1000 + row.distribution);
    EXPECT_NEAR(values[0], row.first, 1e-5) << d.name;
    const Histogram h = histogram_of(values);
    EXPECT_NEAR(h.min(), row.min, 1e-4) << d.name;
    EXPECT_NEAR(h.max(), row.max, 1e-4) << d.name;
    const double bin = h.range() / Histogram::kBins;
    EXPECT_NEAR(choose_range(h, Method::percentile, 0.9999, true).hi, row.p9999, bin) << d.name;
    // The search on real levels moves along a flat optimum: what counts is the error, never above the
    // published one.
    const auto compare = [&](ClipRange published, bool symmetric) {
      const ClipRange ours = choose_range(h, Method::mse, 1, symmetric);
      EXPECT_GT(sqnr(values, measured_error(values, ours)),
                sqnr(values, measured_error(values, published)) - 0.05)
          << d.name << " " << ours.lo << " " << ours.hi;
      EXPECT_NEAR(ours.hi, published.hi, 0.12 * published.hi) << d.name;
    };
    const auto t = static_cast<float>(row.octav);
    compare({row.min < 0 ? -t : 0, t}, true);
    compare({static_cast<float>(row.octav_lo), static_cast<float>(row.octav_hi)}, false);
  }
}

TEST(Range, PercentileCutsItsShare) {
  for (const Distribution& d : distributions()) {
    const std::vector<float> values = sample(d, kCount, 13);
    const Histogram h = histogram_of(values);
    for (double p : {0.9, 0.999, 0.9999}) {
      const ClipRange symmetric = choose_range(h, Method::percentile, p, true);
      const auto outside =
          std::count_if(values.begin(), values.end(), [&](float v) { return std::abs(v) > symmetric.hi; });
      EXPECT_NEAR(static_cast<double>(outside), (1 - p) * kCount, 0.002 * kCount) << d.name << " " << p;
      const ClipRange both = choose_range(h, Method::percentile, p, false);
      const auto above = std::count_if(values.begin(), values.end(), [&](float v) { return v > both.hi; });
      if (both.hi > 0) {
        EXPECT_NEAR(static_cast<double>(above), (1 - p) / 2 * kCount, 0.002 * kCount) << d.name << " " << p;
      }
    }
    const ClipRange all = choose_range(h, Method::percentile, 1.0, true);
    EXPECT_EQ(all.hi, std::max(-h.min(), h.max())) << d.name;
    const ClipRange all_two = choose_range(h, Method::percentile, 1.0, false);
    EXPECT_EQ(all_two.hi, std::max(h.max(), 0.0f)) << d.name;
    EXPECT_EQ(all_two.lo, std::min(h.min(), 0.0f)) << d.name;
  }
}

// Every method on small, odd and one-sided data: limits are ordered, finite, within the data, and contain 0.
TEST(Range, OddData) {
  const float big = std::numeric_limits<float>::max(), tiny = std::numeric_limits<float>::denorm_min();
  const std::vector<std::vector<float>> cases = {{},
                                                 {0, 0, 0},
                                                 {NAN, INFINITY},
                                                 {1},
                                                 {-1},
                                                 {5, 5, 5},
                                                 {-3, -3},
                                                 {1, -1},
                                                 {big},
                                                 {-big, big},
                                                 {tiny},
                                                 {-tiny, tiny},
                                                 {0, 0, 1e-30f},
                                                 {1e-38f, 1e38f},
                                                 {-1e-38f, 1e38f},
                                                 {0.5f, 1, 2, 4},
                                                 {-8, 1e-9f},
                                                 {1.0f / 3},
                                                 std::vector<float>(100000, 0.0f)};
  for (std::vector<float> values : cases) {
    for (int zeros : {0, 50000}) {
      values.resize(values.size() + static_cast<size_t>(zeros));
      const Histogram h = histogram_of(values);
      for (Method method : {Method::max, Method::percentile, Method::kl, Method::mse})
        for (double p : {0.5, 0.99995, 1.0})
          for (bool symmetric : {true, false}) {
            const ClipRange r = choose_range(h, method, p, symmetric);
            const float absmax = std::max(-h.min(), h.max());
            EXPECT_TRUE(std::isfinite(r.lo) && std::isfinite(r.hi) && r.lo <= 0 && r.hi >= 0 && r.lo < r.hi)
                << r.lo << " " << r.hi << " method " << static_cast<int>(method) << " p " << p << " sym "
                << symmetric << " of " << (values.empty() ? 0 : values[0]);
            if (h.count() == h.zeros()) {
              EXPECT_EQ(r.lo, 0);
              EXPECT_EQ(r.hi, 1);
            } else if (symmetric) {
              EXPECT_EQ(r.lo, h.min() < 0 ? -r.hi : 0);
              EXPECT_LE(r.hi, absmax);
            } else {
              EXPECT_GE(r.lo, std::min(h.min(), 0.0f));
              EXPECT_LE(r.hi, std::max(h.max(), 0.0f));
            }
            EXPECT_TRUE(expected_error(h, r) >= 0);
          }
    }
  }
  EXPECT_THROW(choose_range({}, Method::max, 0, true), Error);
  EXPECT_THROW(choose_range({}, Method::max, NAN, true), Error);
}

// KL by its definition, for every candidate that the fast form considers.
double direct_kl(const std::vector<double>& counts, size_t length, size_t groups) {
  double all = 0, inside = 0;
  for (size_t j = 0; j < counts.size(); ++j) all += counts[j], inside += j < length ? counts[j] : 0;
  std::vector<double> p(counts.begin(), counts.begin() + static_cast<long>(length)), q(length);
  p[length - 1] += all - inside;
  for (size_t g = 0; g < groups; ++g) {
    const size_t from = g * length / groups, to = (g + 1) * length / groups;
    double mass = 0, used = 0;
    for (size_t j = from; j < to; ++j) mass += counts[j], used += counts[j] > 0;
    for (size_t j = from; j < to; ++j) q[j] = counts[j] > 0 ? mass / used : 0;
  }
  double kl = 0;
  for (size_t j = 0; j < length; ++j)
    if (p[j] > 0) kl += p[j] / all * (std::log(p[j] / all) - std::log(q[j] > 0 ? q[j] / inside : 1e-30));
  return kl;
}

TEST(Range, KlMinimizesItsDefinition) {
  for (const Distribution& d : distributions()) {
    const Histogram h = histogram_of(sample(d, kCount, 14));
    const float absmax = std::max(-h.min(), h.max());
    const double width = h.range() / Histogram::kBins;
    const auto longest = static_cast<size_t>(absmax / width) + 1;
    const size_t groups = 128;
    std::vector<double> counts(longest);
    for (size_t j = 0; j < longest; ++j) counts[j] = static_cast<double>(h.positive()[j] + h.negative()[j]);
    const float chosen = choose_range(h, Method::kl, 1, true).hi;
    const auto chosen_length =
        static_cast<size_t>(std::min(std::lround(chosen / width), static_cast<long>(longest)));
    const double least = direct_kl(counts, chosen == absmax ? longest : chosen_length, groups);
    const size_t step = std::max<size_t>(1, (longest - groups) / 240);
    for (size_t length = longest; length >= groups + step; length -= 16 * step)
      EXPECT_LE(least, direct_kl(counts, length, groups) * (1 + 1e-9)) << d.name << " " << length;
  }
}

}  // namespace
}  // namespace openhb::calibration
