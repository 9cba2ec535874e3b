// SPDX-License-Identifier: Apache-2.0
// The .bin file: header | section table | FlatBuffer metadata | 64-byte aligned weights. See
// docs/bin-format.md.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/program/program.h"

namespace openhb {

inline constexpr uint32_t kFormatMajor = 1, kFormatMinor = 0;

// The bytes of the file; the same program gives the same bytes.
std::vector<std::byte> serialize_program(const Program& program);

// Writes the file whole or not at all.
void write_program(const std::string& path, const Program& program);

// Maps the file, verifies header, checksums, FlatBuffer, parameters and every tensor's range
// (validate_tensors). The weights stay in the mapping. Throws Error (program_*, file_*). Steps are not yet
// checked against their kernels: engine::Model does that.
Program read_program(const std::string& path);

// The same for bytes in memory that `owner` keeps alive. They are copied when there is no owner or when they
// are not aligned to the 64 bytes that weights need.
Program parse_program(std::span<const std::byte> bytes, std::shared_ptr<const void> owner);

// Every tensor inside its storage with kReadSlack to spare, ranks, pitches and orders sane, every index of
// every step, input and output valid, no step writes weights, no name twice. Throws Error(program_tensor,
// _step, _format).
void validate_tensors(const Program& program);

}  // namespace openhb
