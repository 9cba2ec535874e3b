// SPDX-License-Identifier: Apache-2.0
// The library's view of memory that applications give.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dnn/hb_sys.h"

namespace openhb::dnn {

// Where the library reads and writes the bytes that `mem` names: its virAddr, or the other copy of it in
// debug mode (OPENHB_CHECK_MEM). Takes no lock.
std::byte* device_view(const hbSysMem& mem) noexcept;

// In debug mode, before the library reads `size` bytes of an input: logs a line when the CPU wrote some of
// them and did not clean them, or when nobody has written any. `what` names the tensor.
void check_cleaned(const hbSysMem& mem, uint64_t size, const char* what) noexcept;

// False when `mem` starts in memory that came from hbSys*, and memSize goes beyond its end. Takes no lock.
bool is_within_block(const hbSysMem& mem) noexcept;

}  // namespace openhb::dnn
