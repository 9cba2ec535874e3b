// SPDX-License-Identifier: Apache-2.0
// The selection methods behind choose_range. They see a histogram that has at least one value other than
// zero.
#pragma once

#include "host/calibration/moments.h"

namespace openhb::calibration {

// A histogram with what all methods ask of it.
struct Statistics {
  explicit Statistics(const Histogram& histogram);

  const Histogram& histogram;
  HalfMoments positive, negative;  // of x > 0 and of |x|, x < 0
  HalfMoments magnitude;           // of |x|
  double lowest, highest, absmax;  // lowest <= 0 <= highest

  bool has_negative() const { return lowest < 0; }
};

// Limits in binary64; choose_range rounds them. Symmetric methods give the threshold T.
struct Limits {
  double lo, hi;
};

double percentile_threshold(const Statistics& statistics, double percentile);
Limits percentile_limits(const Statistics& statistics, double percentile);
double kl_threshold(const Statistics& statistics);
Limits kl_limits(const Statistics& statistics);
double mse_threshold(const Statistics& statistics);
Limits mse_limits(const Statistics& statistics);

// Summed squared error of int8 codes over these limits; symmetric means zero point 0 and step hi / 127.
double coding_error(const Statistics& statistics, Limits limits, bool symmetric);

}  // namespace openhb::calibration
