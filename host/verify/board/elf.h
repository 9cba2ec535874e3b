// SPDX-License-Identifier: Apache-2.0
// For which machine a program is, before it is sent anywhere.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace openhb::verify {

// "aarch64", "x86_64", ... as `uname -m` says it; "machine 42" for others. "": no ELF file.
std::string elf_machine(std::span<const std::byte> bytes);

}  // namespace openhb::verify
