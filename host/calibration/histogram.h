// SPDX-License-Identifier: Apache-2.0
// One-pass statistics of a tensor: the dyadic histogram. Merging and order of samples never change the
// counts.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace openhb::calibration {

// Counts of positive and negative values over |x| in B equal bins of [0, R), R a power of two that doubles as
// needed. Non-finite values are counted apart and enter nothing else.
class Histogram {
 public:
  static constexpr int kBins = 2048;

  // What a histogram consists of, to be stored.
  struct Parts {
    std::vector<uint64_t> positive, negative;
    uint64_t count = 0, zeros = 0, non_finite = 0;
    float min = 0, max = 0;
    double range = 0;
  };

  Histogram() = default;
  // Error(data_bad_value) when the parts cannot be those of a histogram.
  explicit Histogram(Parts parts);
  Parts parts() const { return {positive_, negative_, count_, zeros_, non_finite_, min_, max_, range_}; }

  void add(std::span<const float> values);
  void merge(const Histogram& other);

  uint64_t count() const { return count_; }  // finite values
  uint64_t zeros() const { return zeros_; }
  uint64_t non_finite() const { return non_finite_; }
  float min() const { return min_; }  // 0 when empty
  float max() const { return max_; }
  double range() const { return range_; }  // R; bin width is R / kBins
  std::span<const uint64_t> positive() const { return positive_; }
  std::span<const uint64_t> negative() const { return negative_; }

 private:
  void grow_to(double absmax);
  std::vector<uint64_t> positive_ = std::vector<uint64_t>(kBins), negative_ = std::vector<uint64_t>(kBins);
  uint64_t count_ = 0, zeros_ = 0, non_finite_ = 0;
  float min_ = 0, max_ = 0;
  double range_ = 0;
};

// A chosen range [lo, hi] with lo <= 0 <= hi.
struct ClipRange {
  float lo, hi;
};

enum class Method { max, percentile, kl, mse };

// The range that `method` gives. `symmetric`: lo = -hi (or 0 when no value is negative). `percentile` in (0,
// 1]. Sources: docs/calibration.md.
ClipRange choose_range(const Histogram& histogram, Method method, double percentile, bool symmetric);

// Expected squared error per value of int8 codes over [lo, hi]: rounding inside, clipping outside (zeros are
// exact).
double expected_error(const Histogram& histogram, ClipRange range);

}  // namespace openhb::calibration
