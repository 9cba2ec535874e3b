// SPDX-License-Identifier: Apache-2.0
// Least squared error: OCTAV (Sakr et al. 2022, arXiv 2206.06501) and its asymmetric form find the optimum of
// the model "rounding noise step^2 / 12 inside, clipping outside"; a search around it uses the error of the
// real levels, which matters for dense narrow lobes such as the negative side of GELU.
#include <algorithm>
#include <cmath>

#include "host/calibration/select.h"

namespace openhb::calibration {
namespace {

constexpr int kMaxIterations = 50;
constexpr double kTolerance = 1e-7;

// The value in (0, upper] with the least error among multiples of `start` from 0.7 to 1.3, first coarse, then
// fine.
template <class ErrorOf>
double search_around(double start, double upper, ErrorOf error_of) {
  double best = std::min(start, upper), least = error_of(best);
  const auto attempt = [&](double candidate) {
    candidate = std::min(candidate, upper);
    const double error = error_of(candidate);
    if (error < least) {
      least = error;
      best = candidate;
    }
  };
  for (int i = -15; i <= 15; ++i) attempt(start * (1 + 0.02 * i));
  const double centre = best;
  for (int i = -4; i <= 4; ++i) attempt(centre * (1 + 0.004 * i));
  return best;
}

// 0 where a side has no values at all.
double ratio(double a, double b) { return b > 0 ? a / b : 0; }

// T <- E[|x|; |x| > T] / (c P(0 < |x| <= T) + P(|x| > T)), c = (step / T)^2 / 12.
double octav(const HalfMoments& magnitude, int steps) {
  const double c = 1.0 / (12.0 * steps * steps);
  const Moments& all = magnitude.total();
  double threshold = all.s1 / all.n;
  for (int i = 0; i < kMaxIterations; ++i) {
    const Moments inside = magnitude.below(threshold), outside = all - inside;
    const double next = std::min(ratio(outside.s1, c * inside.n + outside.n), magnitude.extreme());
    const bool settled = std::abs(next - threshold) <= kTolerance * threshold;
    threshold = next;
    if (settled) break;
  }
  return threshold;
}

// Both derivatives of the model's error set to zero, in turns.
Limits octav_asymmetric(const Statistics& s) {
  const double low_all = s.negative.total().n, high_all = s.positive.total().n;
  double lo = -s.negative.quantile(0.95 * low_all), hi = s.positive.quantile(0.95 * high_all);
  for (int i = 0; i < kMaxIterations; ++i) {
    const Moments inside_high = s.positive.below(hi), inside_low = s.negative.below(-lo);
    const double k = (inside_high.n + inside_low.n) / (12.0 * 255 * 255);
    const Moments above = s.positive.total() - inside_high, under = s.negative.total() - inside_low;
    const double next_hi = std::clamp(ratio(above.s1 + k * lo, above.n + k), 0.0, s.highest);
    const double next_lo = std::clamp(ratio(-under.s1 + k * next_hi, under.n + k), s.lowest, 0.0);
    const bool settled = std::abs(next_hi - hi) + std::abs(next_lo - lo) <= kTolerance * (hi - lo);
    hi = next_hi;
    lo = next_lo;
    if (settled) break;
  }
  return {lo, hi};
}

}  // namespace

double mse_threshold(const Statistics& s) {
  const bool is_signed = s.has_negative();
  const double start = octav(s.magnitude, is_signed ? 127 : 255);
  return search_around(start, s.absmax, [&](double t) {
    return is_signed ? coding_error(s, {-t, t}, true) : coding_error(s, {0, t}, false);
  });
}

Limits mse_limits(const Statistics& s) {
  Limits best = octav_asymmetric(s);
  for (int round = 0; round < 2; ++round) {
    if (best.hi > 0)
      best.hi =
          search_around(best.hi, s.highest, [&](double hi) { return coding_error(s, {best.lo, hi}, false); });
    if (best.lo < 0)
      best.lo = -search_around(-best.lo, -s.lowest,
                               [&](double lo) { return coding_error(s, {-lo, best.hi}, false); });
  }
  return best;
}

}  // namespace openhb::calibration
