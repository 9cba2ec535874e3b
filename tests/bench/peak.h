// SPDX-License-Identifier: Apache-2.0
// Multiply-accumulates that a core can do at most: loops of nothing else.
#pragma once

#include <cstdint>
#include <vector>

#include "device/engine/cpu.h"

namespace openhb::bench {

inline constexpr int64_t kPeakRounds = 10'000;

struct Peak {
  const char* name;  // "int8" or "float", and the ISA level
  CpuFeatures needs;
  int64_t macs_per_round;
  void (*run)();  // kPeakRounds rounds
};

std::vector<Peak> peaks();

}  // namespace openhb::bench
