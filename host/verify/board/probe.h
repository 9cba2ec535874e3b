// SPDX-License-Identifier: Apache-2.0
// The first look at a board: one script, one answer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/verify/board/board.h"

namespace openhb::verify {

// A folder that could be used.
struct Place {
  std::string asked, path;  // as it was named; absolute
  std::string problem;      // why it cannot be used, "" if it can
  uint64_t free_bytes = 0;
  bool noexec = false;
};

// An hrt_model_exec that was found.
struct FoundRuntime {
  std::string path;
  int status = -1;      // of `--version`
  std::string answer;   // to `--version`
  std::string version;  // "0.1.0"; "": it is not OpenHB's or does not run
};

struct Probe {
  BoardFacts facts;  // without address, folder and runtime
  std::vector<Place> places;
  std::vector<FoundRuntime> runtimes;
};

// Changes nothing on the board. Throws Error(usage) for names that no path can have.
std::string probe_script(const BoardOptions& options);

// Believes nothing: what is missing or senseless stays empty. `now`: this machine's clock, seconds since
// 1970. Throws Error(board_unsuitable) when the answer is not one of the script at all.
Probe parse_probe(std::string_view answer, double now);

// "0.1.0" of "hrt_model_exec 0.1.0 (OpenHB), libdnn ...", else "".
std::string runtime_version(std::string_view answer);

// "Cortex-A55" of /proc/cpuinfo's "CPU implementer" and "CPU part", "" when unknown.
std::string_view cpu_name(uint32_t implementer, uint32_t part);
// The names that /proc/cpuinfo has for the bits of an aarch64 kernel's AT_HWCAP and AT_HWCAP2.
std::vector<std::string> aarch64_features(uint64_t hwcap, uint64_t hwcap2);

}  // namespace openhb::verify
