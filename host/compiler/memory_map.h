// SPDX-License-Identifier: Apache-2.0
// How a program uses its arena, read from the program alone.
#pragma once

#include <vector>

#include "common/program/program.h"
#include "host/report/conversion.h"

namespace openhb::compiler {

// The arena's buffers in order of time. Tensors that have bytes in common while both are in use (views, parts
// of a concatenation, results written over an operand) are one buffer. Inputs are in use from before the
// first step to after the last one, outputs until after the last one.
std::vector<report::Buffer> memory_map(const Program& program);

}  // namespace openhb::compiler
