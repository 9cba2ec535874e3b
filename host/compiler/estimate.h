// SPDX-License-Identifier: Apache-2.0
// What a program is expected to cost on the board, without one: for the compiler's choices, its advice and
// the per-layer figures in a .bin file. An estimate: docs/benchmarks.md says of what, and how far off it is.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/program/program.h"

namespace openhb::compiler {

// The board that estimates are for.
inline constexpr std::string_view kBoardCore = "one Cortex-A55 core at 1.2 GHz";
inline constexpr double kCyclesPerMicrosecond = 1200;
// Assumed of memory behind the caches: 4.8 GB/s for one core.
inline constexpr double kBytesPerCycle = 4;

struct StepEstimate {
  int64_t macs = 0, padded_macs = 0;  // as the network asks for, and as the kernels do them
  int64_t loaded = 0, stored = 0;     // bytes that do not stay in the first cache between two steps
  double cycles = 0;                  // of computing, everything in the first cache
  double least_cycles = 0;            // what a core would need that did nothing else and padded nothing
  Shape shape, aligned;               // of the first output in memory order, and as the kernels compute it

  double memory_cycles() const { return static_cast<double>(loaded + stored) / kBytesPerCycle; }
};

// One entry per step. The program must have its memory planned: strips of chains that stay in the first cache
// depend on it.
std::vector<StepEstimate> estimate_steps(const Program& program);

struct ProgramEstimate {
  double cycles = 0;  // computing and memory
  int64_t loaded = 0, stored = 0;
  double microseconds() const { return cycles / kCyclesPerMicrosecond; }
};
ProgramEstimate total(const std::vector<StepEstimate>& steps);

}  // namespace openhb::compiler
