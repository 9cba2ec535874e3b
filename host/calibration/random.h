// SPDX-License-Identifier: Apache-2.0
// Random numbers with one defined sequence everywhere (the distributions of <random> are not portable).
#pragma once

#include <cstdint>

namespace openhb::calibration {

// splitmix64 (Steele, Lea, Flood 2014).
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t next() {
    uint64_t z = state_ += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  // A whole number 0..255.
  float byte() { return static_cast<float>(next() >> 56); }
  // Normal to the eye: the sum of 12 uniform 16-bit numbers, mean 0, variance 1 and at most 6. No libm, no
  // rounding.
  float normal() {
    int64_t sum = 0;
    for (int word = 0; word < 3; ++word)
      for (uint64_t bits = next(), i = 0; i < 4; ++i, bits >>= 16) sum += static_cast<int64_t>(bits & 0xffff);
    return static_cast<float>(sum - 6 * 65535) * 0x1p-16f;
  }

 private:
  uint64_t state_;
};

}  // namespace openhb::calibration
