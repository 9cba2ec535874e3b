// SPDX-License-Identifier: Apache-2.0
// Running a plug-in on copies of its tensors, to find its mistakes (OPENHB_CHECK_PLUGINS=1).
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace openhb::kernels {

// Inputs: null where absent.
struct RunMemory {
  std::vector<std::span<const std::byte>> inputs;
  std::vector<std::span<std::byte>> outputs;
};

// One run on the given addresses in `parts` parts; false: it failed.
using RunParts = std::function<bool(const void* const* inputs, void* const* outputs, int parts)>;

// Two runs, in one part and in `parts`, on buffers that hold different bytes beforehand and end where the
// tensors end; then the outputs are copied. Gives what is wrong: bytes written outside of the outputs or into
// inputs, outputs that differ between the two runs; "" when nothing is, or when a run failed (`failed`).
std::string guarded_run(const RunMemory& memory, int parts, const RunParts& run, bool& failed);

}  // namespace openhb::kernels
