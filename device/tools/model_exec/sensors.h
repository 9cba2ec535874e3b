// SPDX-License-Identifier: Apache-2.0
// What the machine tells about itself while something runs.
#pragma once

#include <cstdint>
#include <optional>

namespace openhb::model_exec {

struct Range {
  double least = 0, most = 0;
  bool known = false;
  void add(double value);
};

// Temperatures and clocks of the CPUs, as far as /sys tells them.
struct SensorRanges {
  Range celsius;  // of the hottest zone at a time
  Range mhz;      // of all CPUs
  // Reads them now. Takes about 0.1 ms.
  void sample();
};

// Of this process, in bytes; 0 where the system does not tell.
struct ProcessMemory {
  uint64_t resident = 0, most_resident = 0;
};
ProcessMemory process_memory();

}  // namespace openhb::model_exec
