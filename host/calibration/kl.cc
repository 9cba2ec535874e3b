// SPDX-License-Identifier: Apache-2.0
// Kullback-Leibler divergence between the clipped histogram and its re-quantized form (the scheme that NVIDIA
// presented for TensorRT in 2017). Prefix sums make a candidate cost O(groups) instead of O(bins), with equal
// results.
#include <algorithm>
#include <cmath>
#include <utility>

#include "host/calibration/select.h"

namespace openhb::calibration {
namespace {

// Levels of re-quantized magnitudes. 128 for unsigned codes, too: twice as many make short windows look too
// good.
constexpr size_t kGroups = 128;

// Counts along a line of bins: magnitudes upwards, or all values from the lowest to the highest.
class Line {
 public:
  explicit Line(std::vector<double> counts)
      : counts_(std::move(counts)), sum_(counts_.size() + 1), used_(sum_.size()), entropy_(sum_.size()) {
    for (size_t j = 0; j < counts_.size(); ++j) {
      const double h = counts_[j];
      sum_[j + 1] = sum_[j] + h;
      used_[j + 1] = used_[j] + (h > 0 ? 1 : 0);
      entropy_[j + 1] = entropy_[j] + plogp(h);
    }
  }
  size_t size() const { return counts_.size(); }

  // KL(P || Q) for the window [a, b): P has the mass outside added to the end bins, Q is the window without
  // it, spread over `groups` levels, each of which gives its mean to its non-empty bins. `b - a` is at least
  // `groups` and 2.
  double divergence(size_t a, size_t b, size_t groups) const {
    const double all = sum_.back(), inside = sum_[b] - sum_[a];
    if (inside <= 0) return HUGE_VAL;
    const double under = sum_[a], above = all - sum_[b], first = counts_[a], last = counts_[b - 1];
    const double p_entropy =
        (entropy_[b - 1] - entropy_[a + 1] + plogp(first + under) + plogp(last + above)) / all -
        std::log(all);

    const size_t length = b - a;
    double cross = 0;
    for (size_t g = 0; g < groups; ++g) {
      const size_t from = a + g * length / groups, to = a + (g + 1) * length / groups;
      double mass = sum_[to] - sum_[from];
      if (mass <= 0) continue;
      const double log_q = std::log(mass / ((used_[to] - used_[from]) * inside));
      // Folded mass meets Q's value in the end bin, if that bin has one.
      if (g == 0 && first > 0) mass += under;
      if (g + 1 == groups && last > 0) mass += above;
      cross += mass * log_q;
    }
    constexpr double kLogOfNothing = -69.07755278982137;  // ln 1e-30: P has mass where Q has none
    if (first == 0) cross += under * kLogOfNothing;
    if (last == 0) cross += above * kLogOfNothing;
    return p_entropy - cross / all;
  }

 private:
  static double plogp(double h) { return h > 0 ? h * std::log(h) : 0; }
  std::vector<double> counts_, sum_, used_, entropy_;
};

size_t bins_up_to(const Statistics& s, double magnitude) {
  const double width = s.histogram.range() / Histogram::kBins;
  return std::min<size_t>(static_cast<size_t>(std::floor(magnitude / width)) + 1, Histogram::kBins);
}

// The best end in [shortest, longest], about `candidates` of them, the longest included.
template <class DivergenceOf>
size_t best_length(size_t shortest, size_t longest, size_t candidates, DivergenceOf divergence_of) {
  const size_t step = std::max<size_t>(1, (longest - std::min(shortest, longest)) / candidates);
  size_t best = longest;
  double least = divergence_of(longest);
  for (size_t length = longest; length >= shortest + step;) {
    length -= step;
    const double divergence = divergence_of(length);
    if (divergence < least) {
      least = divergence;
      best = length;
    }
  }
  return best;
}

}  // namespace

double kl_threshold(const Statistics& s) {
  const size_t longest = bins_up_to(s, s.absmax);
  std::vector<double> counts(longest);
  for (size_t j = 0; j < longest; ++j)
    counts[j] =
        static_cast<double>(s.histogram.positive()[j]) + static_cast<double>(s.histogram.negative()[j]);
  const Line line(std::move(counts));
  if (longest <= kGroups) return s.absmax;
  const size_t best =
      best_length(kGroups, longest, 240, [&](size_t length) { return line.divergence(0, length, kGroups); });
  return std::min(static_cast<double>(best) * s.histogram.range() / Histogram::kBins, s.absmax);
}

// The upper end with the lower one fixed, then the other way round, twice.
Limits kl_limits(const Statistics& s) {
  const size_t groups = s.has_negative() && s.highest > 0 ? 2 * kGroups : kGroups;
  const size_t down = s.has_negative() ? bins_up_to(s, -s.lowest) : 0,
               up = s.highest > 0 ? bins_up_to(s, s.highest) : 0;
  std::vector<double> counts(down + up);
  for (size_t j = 0; j < down; ++j) counts[down - 1 - j] = static_cast<double>(s.histogram.negative()[j]);
  for (size_t j = 0; j < up; ++j) counts[down + j] = static_cast<double>(s.histogram.positive()[j]);
  const Line line(std::move(counts));
  size_t below = down, above = up;
  const auto shortest = [&](size_t other) { return other >= groups ? size_t{1} : groups - other; };
  for (int round = 0; round < 2; ++round) {
    if (above > shortest(below))
      above = best_length(shortest(below), up, 128, [&](size_t length) {
        return line.divergence(down - below, down + length, groups);
      });
    if (below > shortest(above))
      below = best_length(shortest(above), down, 128, [&](size_t length) {
        return line.divergence(down - length, down + above, groups);
      });
  }
  const double width = s.histogram.range() / Histogram::kBins;
  return {std::max(-static_cast<double>(below) * width, s.lowest),
          std::min(static_cast<double>(above) * width, s.highest)};
}

}  // namespace openhb::calibration
