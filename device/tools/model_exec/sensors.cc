// SPDX-License-Identifier: Apache-2.0
#include "device/tools/model_exec/sensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>

namespace openhb::model_exec {
namespace {

constexpr int kMaxEntries = 256;  // zones, CPUs

// The number that a file of /sys holds.
std::optional<double> read_number(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "re");
  if (!file) return std::nullopt;
  double value = 0;
  const bool read = std::fscanf(file, "%lf", &value) == 1;
  std::fclose(file);
  return read ? std::optional(value) : std::nullopt;
}

}  // namespace

void Range::add(double value) {
  least = known ? std::min(least, value) : value;
  most = known ? std::max(most, value) : value;
  known = true;
}

void SensorRanges::sample() {
  std::optional<double> hottest;
  for (int i = 0; i < kMaxEntries; ++i) {
    const auto value = read_number(fmt::format("/sys/class/thermal/thermal_zone{}/temp", i));
    if (!value) break;
    hottest = std::max(hottest.value_or(*value), *value);
  }
  if (hottest) celsius.add(*hottest / 1000);
  for (int i = 0; i < kMaxEntries; ++i) {
    const auto value = read_number(fmt::format("/sys/devices/system/cpu/cpu{}/cpufreq/scaling_cur_freq", i));
    if (!value) break;
    mhz.add(*value / 1000);
  }
}

ProcessMemory process_memory() {
  ProcessMemory memory;
  std::FILE* file = std::fopen("/proc/self/status", "re");
  if (!file) return memory;
  char line[256];
  while (std::fgets(line, sizeof(line), file)) {
    unsigned long long kilobytes = 0;
    if (std::sscanf(line, "VmRSS: %llu kB", &kilobytes) == 1) memory.resident = kilobytes * 1024;
    if (std::sscanf(line, "VmHWM: %llu kB", &kilobytes) == 1) memory.most_resident = kilobytes * 1024;
  }
  std::fclose(file);
  return memory;
}

}  // namespace openhb::model_exec
