// SPDX-License-Identifier: Apache-2.0
// The library's view of memory that applications give.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dnn/hb_sys.h"

namespace openhb::dnn {

// Where the library reads and writes the bytes that `mem` names: its virAddr, or the other copy of it in
// debug mode (OPENHB_CHECK_MEM). Takes no lock outside of debug mode.
std::byte* device_view(const hbSysMem& mem) noexcept;

// In debug mode, before the library reads `size` bytes of an input: logs a line when they were never cleaned
// since they were allocated. `what` names the tensor.
void check_cleaned(const hbSysMem& mem, uint64_t size, const char* what) noexcept;

}  // namespace openhb::dnn
