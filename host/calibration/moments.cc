// SPDX-License-Identifier: Apache-2.0
#include "host/calibration/moments.h"

#include <algorithm>
#include <cmath>

namespace openhb::calibration {

HalfMoments::HalfMoments(std::span<const uint64_t> counts, double bin_width, double extreme)
    : width_(bin_width), extreme_(extreme), counts_(counts.size()), prefix_(counts.size() + 1) {
  for (size_t j = 0; j < counts.size(); ++j) {
    counts_[j] = static_cast<double>(counts[j]);
    prefix_[j + 1] = counts[j] == 0 ? prefix_[j] : prefix_[j] + part(j, upper_edge(j));
  }
}

double HalfMoments::upper_edge(size_t bin) const {
  const double lower = static_cast<double>(bin) * width_;
  return std::max(lower, std::min(lower + width_, extreme_));
}

// Of bin's values those up to t, which lies in the bin or above it.
Moments HalfMoments::part(size_t bin, double t) const {
  const double a = static_cast<double>(bin) * width_, edge = upper_edge(bin), b = std::min(t, edge);
  const double n = edge > a ? counts_[bin] * (b - a) / (edge - a) : counts_[bin];
  return {n, n * (a + b) / 2, n * (a * a + a * b + b * b) / 3};
}

Moments HalfMoments::below(double t) const {
  if (t <= 0 || width_ <= 0) return {};
  const double position = t / width_;
  if (position >= static_cast<double>(counts_.size())) return total();
  const auto bin = static_cast<size_t>(position);
  return prefix_[bin] + part(bin, t);
}

// The values of a bin are taken as evenly spread over it.
double HalfMoments::order_statistic(double index) const {
  if (index < 0) return 0;
  if (index + 1 >= total().n) return extreme_;
  const auto next = std::upper_bound(prefix_.begin(), prefix_.end(), index,
                                     [](double i, const Moments& moments) { return i < moments.n; });
  const auto bin = static_cast<size_t>(next - prefix_.begin()) - 1;
  const double lower = static_cast<double>(bin) * width_;
  return lower + (upper_edge(bin) - lower) * (index - prefix_[bin].n + 0.5) / counts_[bin];
}

double HalfMoments::quantile(double position) const {
  if (position <= -1) return 0;
  const double index = std::floor(position), low = order_statistic(index), high = order_statistic(index + 1);
  return low + (high - low) * (position - index);
}

double level_error(const HalfMoments& half, double step, int levels) {
  if (levels <= 0 || !(step > 0)) return half.total().s2;
  double error = 0;
  Moments before;
  for (int level = 0; level <= levels; ++level) {
    const double value = level * step;
    const bool last = level == levels || (level + 0.5) * step >= half.extreme();
    const Moments after = last ? half.total() : half.below((level + 0.5) * step);
    const Moments here = after - before;
    error += here.s2 - 2 * value * here.s1 + value * value * here.n;
    if (last) break;
    before = after;
  }
  return std::max(error, 0.0);
}

}  // namespace openhb::calibration
