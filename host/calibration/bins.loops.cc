// SPDX-License-Identifier: Apache-2.0
// Integer operations without branches, which compilers turn into vector code.
#include "host/calibration/bins.h"

namespace openhb::calibration {
namespace {

BlockStatistics inspect(const int32_t* bits, size_t n) {
  const auto ordered = [](int32_t b) { return b ^ ((b >> 31) & kMagnitudeBits); };
  BlockStatistics s{ordered(bits[0]), ordered(bits[0]), 0, 0};
  for (size_t i = 0; i < n; ++i) {
    const int32_t key = ordered(bits[i]);
    const auto magnitude = static_cast<uint32_t>(bits[i] & kMagnitudeBits);
    s.lowest = key < s.lowest ? key : s.lowest;
    s.highest = key > s.highest ? key : s.highest;
    s.absmax = magnitude > s.absmax ? magnitude : s.absmax;
    s.zeros += magnitude == 0;
  }
  return s;
}

void find_bins(const int32_t* bits, size_t n, float factor, int32_t counters, int32_t* bins) {
  for (size_t i = 0; i < n; ++i) {
    const int32_t magnitude = bits[i] & kMagnitudeBits;
    const int32_t bin =
        static_cast<int32_t>(__builtin_bit_cast(float, magnitude) * factor) + ((bits[i] >> 31) & counters);
    const int32_t zero = 2 * counters + (static_cast<int32_t>(i) & (kZeroCounters - 1));
    bins[i] = magnitude == 0 ? zero : bin;
  }
}

}  // namespace

namespace OPENHB_ISA {
extern const BinLoops kBinLoops;
const BinLoops kBinLoops = {inspect, find_bins};
}  // namespace OPENHB_ISA

}  // namespace openhb::calibration
