// SPDX-License-Identifier: Apache-2.0
// choose_range: the parts that all methods share, and the methods max and percentile.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "common/error.h"
#include "host/calibration/select.h"

namespace openhb::calibration {
namespace {

std::vector<uint64_t> sum_of(std::span<const uint64_t> a, std::span<const uint64_t> b) {
  std::vector<uint64_t> sum(a.begin(), a.end());
  for (size_t j = 0; j < b.size(); ++j) sum[j] += b[j];
  return sum;
}

double bin_width(const Histogram& h) { return h.range() / Histogram::kBins; }

float to_float(double x) {
  constexpr double kLimit = std::numeric_limits<float>::max();
  return static_cast<float>(std::clamp(x, -kLimit, kLimit));
}

// One row per method: its symmetric and its asymmetric form.
struct MethodRow {
  Method method;
  double (*threshold)(const Statistics&, double percentile);
  Limits (*limits)(const Statistics&, double percentile);
};

constexpr std::array<MethodRow, 4> kMethods{
    {{Method::max, [](const Statistics& s, double) { return s.absmax; },
      [](const Statistics& s, double) { return Limits{s.lowest, s.highest}; }},
     {Method::percentile, percentile_threshold, percentile_limits},
     {Method::kl, [](const Statistics& s, double) { return kl_threshold(s); },
      [](const Statistics& s, double) { return kl_limits(s); }},
     {Method::mse, [](const Statistics& s, double) { return mse_threshold(s); },
      [](const Statistics& s, double) { return mse_limits(s); }}}};

}  // namespace

Statistics::Statistics(const Histogram& h)
    : histogram(h),
      positive(h.positive(), bin_width(h), std::max(h.max(), 0.0f)),
      negative(h.negative(), bin_width(h), std::max(-h.min(), 0.0f)),
      magnitude(sum_of(h.positive(), h.negative()), bin_width(h), std::max(-h.min(), h.max())),
      lowest(std::min(h.min(), 0.0f)),
      highest(std::max(h.max(), 0.0f)),
      absmax(std::max(-lowest, highest)) {}

// Positions count all values, zeros first.
double percentile_threshold(const Statistics& s, double percentile) {
  const double count = static_cast<double>(s.histogram.count()),
               zeros = static_cast<double>(s.histogram.zeros());
  return s.magnitude.quantile(percentile * (count - 1) - zeros);
}

// The same share is cut off at either end.
Limits percentile_limits(const Statistics& s, double percentile) {
  const double cut = (1 - percentile) / 2 * (static_cast<double>(s.histogram.count()) - 1);
  return {-s.negative.quantile(s.negative.total().n - 1 - cut),
          s.positive.quantile(s.positive.total().n - 1 - cut)};
}

double coding_error(const Statistics& s, Limits limits, bool symmetric) {
  if (symmetric)
    return level_error(s.positive, limits.hi / 127, 127) + level_error(s.negative, limits.hi / 127, 128);
  const double step = (limits.hi - limits.lo) / 255;
  const int zero_point = static_cast<int>(std::clamp(std::nearbyint(-128 - limits.lo / step), -128.0, 127.0));
  return level_error(s.positive, step, 127 - zero_point) + level_error(s.negative, step, 128 + zero_point);
}

ClipRange choose_range(const Histogram& histogram, Method method, double percentile, bool symmetric) {
  if (!(percentile > 0 && percentile <= 1))
    fail(ErrorCode::internal, "percentile is {}, it must be in (0, 1]", percentile);
  // Nothing but zeros: any range does; this one has a harmless scale.
  if (histogram.count() == histogram.zeros()) return {0, 1};
  const Statistics s(histogram);
  const auto row =
      std::find_if(kMethods.begin(), kMethods.end(), [&](const auto& r) { return r.method == method; });
  // With more zeros than the percentile only the largest value says something.
  if (symmetric) {
    float threshold = to_float(row->threshold(s, percentile));
    if (!(threshold > 0)) threshold = to_float(s.absmax);
    return {s.has_negative() ? -threshold : 0.0f, threshold};
  }
  const Limits limits = row->limits(s, percentile);
  const ClipRange range{to_float(limits.lo) + 0.0f, to_float(limits.hi) + 0.0f};
  return range.hi > range.lo ? range : ClipRange{to_float(s.lowest), to_float(s.highest)};
}

double expected_error(const Histogram& histogram, ClipRange range) {
  if (histogram.count() == 0) return 0;
  const Statistics s(histogram);
  const bool symmetric = range.lo == -range.hi;
  return coding_error(s, {range.lo, range.hi}, symmetric) / static_cast<double>(histogram.count());
}

}  // namespace openhb::calibration
