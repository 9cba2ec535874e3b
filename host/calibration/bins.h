// SPDX-License-Identifier: Apache-2.0
// Inner loops of Histogram::add over a block of values, one row per instruction set; all give the same
// integers.
#pragma once

#include <cstddef>
#include <cstdint>

namespace openhb::calibration {

inline constexpr int32_t kMagnitudeBits = 0x7fffffff;
// Values that are zero take turns on these counters behind the others: adding to the same counter again and
// again would wait for the memory each time.
inline constexpr int32_t kZeroCounters = 16;

struct BlockStatistics {
  int32_t lowest, highest;  // as integers in the order of the floats: bits ^ (sign ? kMagnitudeBits : 0)
  uint32_t absmax;          // as bits; at least those of infinity when a value is not finite
  uint32_t zeros;           // of either sign
};

struct BinLoops {
  BlockStatistics (*inspect)(const int32_t* bits, size_t n);  // n > 0
  // Counter of each value: floor(|x| * factor), `counters` more for negative ones, and those from 2 *
  // counters on for zeros. `factor` is a power of two, so this is exact.
  void (*find_bins)(const int32_t* bits, size_t n, float factor, int32_t counters, int32_t* bins);
};

}  // namespace openhb::calibration
