// SPDX-License-Identifier: Apache-2.0
#include "host/calibration/coarse.h"

#include <algorithm>

#include "host/calibration/moments.h"

namespace openhb::calibration {
namespace {

// Fine bins of both signs in one order: i >= 0 is bin i of the positive values, -1 - i that of the negative.
uint64_t count_at(const Histogram& fine, int64_t index) {
  return index >= 0 ? fine.positive()[static_cast<size_t>(index)]
                    : fine.negative()[static_cast<size_t>(-1 - index)];
}

int64_t floor_divide(int64_t a, int64_t b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }

double beyond(std::span<const uint64_t> counts, double width, double extreme, double limit) {
  const HalfMoments half(counts, width, extreme);
  return limit >= extreme ? 0 : half.total().n - half.below(std::max(limit, 0.0)).n;
}

}  // namespace

report::TensorHistogram coarse(const Histogram& fine, ClipRange chosen, size_t bins) {
  report::TensorHistogram h;
  h.lo = chosen.lo, h.hi = chosen.hi;
  h.min = fine.min(), h.max = fine.max();
  h.count = fine.count(), h.zeros = fine.zeros(), h.non_finite = fine.non_finite();
  int64_t first = Histogram::kBins, last = -Histogram::kBins - 1;
  for (int64_t i = -Histogram::kBins; i < Histogram::kBins; ++i)
    if (count_at(fine, i) > 0) first = std::min(first, i), last = i;
  if (first > last) return h;

  int64_t merged = 1;
  const auto groups = [&] { return floor_divide(last, merged) - floor_divide(first, merged) + 1; };
  while (groups() > static_cast<int64_t>(bins)) merged *= 2;
  const double width = fine.range() / Histogram::kBins;
  h.width = width * static_cast<double>(merged);
  h.first = h.width * static_cast<double>(floor_divide(first, merged));
  h.bins.resize(static_cast<size_t>(groups()));
  for (int64_t i = first; i <= last; ++i)
    h.bins[static_cast<size_t>(floor_divide(i, merged) - floor_divide(first, merged))] += count_at(fine, i);
  h.clipped = beyond(fine.positive(), width, std::max(0.0, static_cast<double>(fine.max())), chosen.hi) +
              beyond(fine.negative(), width, std::max(0.0, -static_cast<double>(fine.min())),
                     -static_cast<double>(chosen.lo));
  return h;
}

}  // namespace openhb::calibration
