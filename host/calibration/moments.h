// SPDX-License-Identifier: Apache-2.0
// Prefix sums over one half of a histogram: how many values lie below t, and their sums of |x| and x^2.
#pragma once

#include <vector>

#include "host/calibration/histogram.h"

namespace openhb::calibration {

struct Moments {
  double n = 0, s1 = 0, s2 = 0;  // count, sum of |x|, sum of x^2

  Moments operator-(const Moments& o) const { return {n - o.n, s1 - o.s1, s2 - o.s2}; }
  Moments operator+(const Moments& o) const { return {n + o.n, s1 + o.s1, s2 + o.s2}; }
};

// Magnitudes of the values of one sign; exact zeros are not among them. Within a bin values are taken as
// uniform.
class HalfMoments {
 public:
  // `extreme` is the largest magnitude of this sign: the last bin ends there.
  HalfMoments(std::span<const uint64_t> counts, double bin_width, double extreme);

  Moments below(double t) const;
  const Moments& total() const { return prefix_.back(); }
  double extreme() const { return extreme_; }
  // The value at `position` in ascending order, from 0; between two positions interpolated, 0 below the first
  // value. Within one bin of the truth, exact at the last position.
  double quantile(double position) const;

 private:
  Moments part(size_t bin, double t) const;
  double upper_edge(size_t bin) const;
  double order_statistic(double index) const;

  double width_, extreme_;
  std::vector<double> counts_;
  std::vector<Moments> prefix_;  // prefix_[j]: of the bins before j
};

// Expected squared error, summed over the values, of codes that represent 0, step, 2 step ... levels * step.
// Every value goes to its nearest level: rounding and clipping without an assumption about the density.
double level_error(const HalfMoments& half, double step, int levels);

}  // namespace openhb::calibration
