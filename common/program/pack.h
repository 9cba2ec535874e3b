// SPDX-License-Identifier: Apache-2.0
// Packs: several models in one file. See docs/bin-format.md.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/program/program.h"

namespace openhb {

// The bytes of a pack of whole .bin files, in this order. Throws Error(program_*) when one of them is not a
// model, or Error(usage) for none, too many (kMaxPackModels) or two of one name.
std::vector<std::byte> assemble_pack(std::span<const std::span<const std::byte>> files);
inline constexpr uint32_t kMaxPackModels = 255;

// The models of a .bin file or of a pack, mapped. Throws Error (program_*, file_*).
std::vector<Program> read_programs(const std::string& path);
// The same for bytes that `owner` keeps alive; copied when there is none.
std::vector<Program> parse_programs(std::span<const std::byte> bytes, std::shared_ptr<const void> owner);

}  // namespace openhb
