// SPDX-License-Identifier: Apache-2.0
#include "host/calibration/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

#include "common/error.h"
#include "device/kernels/elementwise/isa_rows.h"
#include "host/calibration/bins.h"

namespace openhb::calibration {
OPENHB_LOOP_ROWS(BinLoops, kBinLoops)
namespace {

constexpr uint32_t kInfinity = 0x7f800000, kMagnitude = 0x7fffffff;
// Below this range B / R would not be a float any more.
constexpr double kMinRange = 0x1p-110;
constexpr size_t kBlock = 2048;

float from_ordered(int32_t key) { return std::bit_cast<float>(key ^ ((key >> 31) & kMagnitudeBits)); }

const BinLoops& loops() {
  static const BinLoops& best = *choose_kBinLoops(usable_cpu()).fn;
  return best;
}

// Counts of one call to add(). Two tables, because adding twice in a row to one counter waits for the memory.
class Counters {
 public:
  void add(const int32_t* bins, size_t n) {
    if (counts_.empty()) counts_.resize(2 * kTable);
    uint32_t* even = counts_.data();
    uint32_t* odd = even + kTable;
    size_t i = 0;
    for (; i + 1 < n; i += 2) {
      ++even[bins[i]];
      ++odd[bins[i + 1]];
    }
    if (i < n) ++even[bins[i]];
    pending_ += n;
  }
  void flush(std::vector<uint64_t>& positive, std::vector<uint64_t>& negative) {
    if (pending_ == 0) return;
    constexpr size_t kB = Histogram::kBins;
    for (size_t j = 0; j < kB; ++j) {
      positive[j] += uint64_t{counts_[j]} + counts_[kTable + j];
      negative[j] += uint64_t{counts_[kB + j]} + counts_[kTable + kB + j];
    }
    std::fill(counts_.begin(), counts_.end(), 0u);
    pending_ = 0;
  }
  bool nearly_full() const { return pending_ > (size_t{1} << 31); }

 private:
  static constexpr size_t kTable = 2 * Histogram::kBins + kZeroCounters;
  std::vector<uint32_t> counts_;
  size_t pending_ = 0;
};

// Whether the numbers agree with each other.
bool sound(const Histogram::Parts& p) {
  if (p.positive.size() != Histogram::kBins || p.negative.size() != Histogram::kBins) return false;
  uint64_t counted = p.zeros;
  for (size_t j = 0; j < Histogram::kBins; ++j) counted += p.positive[j] + p.negative[j];
  int exponent = 0;
  const bool power = p.range == 0 || (std::isfinite(p.range) && std::frexp(p.range, &exponent) == 0.5);
  const bool inside =
      p.min <= p.max && std::fabs(double{p.min}) <= p.range && std::fabs(double{p.max}) <= p.range;
  return counted == p.count && power && p.range >= 0 && inside && (p.range > 0 || p.count == p.zeros);
}

}  // namespace

Histogram::Histogram(Parts p)
    : positive_(std::move(p.positive)),
      negative_(std::move(p.negative)),
      count_(p.count),
      zeros_(p.zeros),
      non_finite_(p.non_finite),
      min_(p.min),
      max_(p.max),
      range_(p.range) {
  if (!sound(parts())) fail(ErrorCode::data_bad_value, "a stored histogram is damaged");
}

// Doubling joins neighbouring bins and never splits one: all edges are multiples of a power of two.
void Histogram::grow_to(double absmax) {
  if (absmax < range_) return;
  if (range_ == 0) {
    int exponent = 0;
    std::frexp(absmax, &exponent);  // absmax < 2^exponent
    range_ = std::max(std::ldexp(1.0, exponent), kMinRange);
    return;
  }
  const auto join = [](std::vector<uint64_t>& bins) {
    for (size_t j = 0; j < kBins / 2; ++j) bins[j] = bins[2 * j] + bins[2 * j + 1];
    std::fill(bins.begin() + kBins / 2, bins.end(), uint64_t{0});
  };
  while (absmax >= range_) {
    join(positive_);
    join(negative_);
    range_ *= 2;
  }
}

void Histogram::add(std::span<const float> values) {
  Counters counters;
  int32_t bits[kBlock], bins[kBlock];
  for (size_t start = 0; start < values.size(); start += kBlock) {
    size_t n = std::min(kBlock, values.size() - start);
    std::memcpy(bits, values.data() + start, n * sizeof(float));
    BlockStatistics s = loops().inspect(bits, n);
    if (s.absmax >= kInfinity) {
      const size_t finite = static_cast<size_t>(
          std::remove_if(bits, bits + n,
                         [](int32_t b) { return (static_cast<uint32_t>(b) & kMagnitude) >= kInfinity; }) -
          bits);
      non_finite_ += n - finite;
      n = finite;
      if (n == 0) continue;
      s = loops().inspect(bits, n);
    }
    // + 0: a minimum of -0 is 0.
    const float low = from_ordered(s.lowest) + 0.0f, high = from_ordered(s.highest) + 0.0f;
    min_ = count_ == 0 ? low : std::min(min_, low);
    max_ = count_ == 0 ? high : std::max(max_, high);
    count_ += n;
    zeros_ += s.zeros;
    if (s.absmax == 0) continue;

    const double absmax = std::bit_cast<float>(s.absmax);
    if (absmax >= range_) {
      counters.flush(positive_, negative_);
      grow_to(absmax);
    }
    loops().find_bins(bits, n, static_cast<float>(kBins / range_), kBins, bins);
    if (values.size() <= kBlock) {  // too few to pay for the tables
      for (size_t i = 0; i < n; ++i)
        if (bins[i] < 2 * kBins)  // zeros are counted apart
          ++(bins[i] < kBins ? positive_ : negative_)[static_cast<size_t>(bins[i] & (kBins - 1))];
    } else {
      counters.add(bins, n);
    }
    if (counters.nearly_full()) counters.flush(positive_, negative_);
  }
  counters.flush(positive_, negative_);
}

void Histogram::merge(const Histogram& other) {
  if (other.count_ > 0) {
    min_ = count_ == 0 ? other.min_ : std::min(min_, other.min_);
    max_ = count_ == 0 ? other.max_ : std::max(max_, other.max_);
  }
  count_ += other.count_;
  zeros_ += other.zeros_;
  non_finite_ += other.non_finite_;
  if (other.range_ == 0) return;
  const auto add_counts = [this](const Histogram& h) {
    for (size_t j = 0; j < kBins; ++j) {
      positive_[j] += h.positive_[j];
      negative_[j] += h.negative_[j];
    }
  };
  // A range is the smallest power of two above the largest magnitude, so bringing this one to half of the
  // other's range or more suffices.
  if (range_ < other.range_) grow_to(other.range_ / 2);
  if (range_ == other.range_) return add_counts(other);
  Histogram widened = other;
  widened.grow_to(range_ / 2);
  add_counts(widened);
}

}  // namespace openhb::calibration
