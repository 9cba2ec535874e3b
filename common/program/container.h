// SPDX-License-Identifier: Apache-2.0
// The container of a .bin file: header, section table and sections. Internal to common/program and its tests;
// the byte layout is in docs/bin-format.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "common/program/program.h"

namespace openhb::container {

inline constexpr std::array<char, 8> kMagic = {'O', 'H', 'B', 'P', 'R', 'O', 'G', '\0'};
inline constexpr uint64_t kSectionAlignment = 64;
inline constexpr uint32_t kMaxSections = 16;

struct Header {
  std::array<char, 8> magic;
  uint32_t major, minor;
  uint64_t file_size;
  uint32_t section_count;
  uint32_t reserved0;
  uint64_t checksum;  // XXH3-64 of header and section table, with 0 in this field
  std::array<uint64_t, 3> reserved;
};
static_assert(sizeof(Header) == 64);

constexpr uint64_t align_up(uint64_t n) {
  return (n + kSectionAlignment - 1) / kSectionAlignment * kSectionAlignment;
}
// Of header and table, the header's checksum field counting as 0.
uint64_t header_checksum(Header header, std::span<const std::byte> table);

enum class SectionKind : uint32_t { metadata = 1, weights = 2 };

struct SectionEntry {
  uint32_t kind;
  uint32_t reserved;
  uint64_t offset, size;  // bytes; the offset from the start of the file
  uint64_t checksum;      // XXH3-64 of the section
};
static_assert(sizeof(SectionEntry) == 32);

struct Sections {
  std::span<const std::byte> metadata, weights;
};

enum class Checksums { verify, ignore };

// The file of two sections.
std::vector<std::byte> assemble(std::span<const std::byte> metadata, std::span<const std::byte> weights);

// Finds the sections. Every byte of an accepted file is either covered by a checksum or a zero between
// sections. Throws Error(program_format, program_version, program_checksum).
Sections parse(std::span<const std::byte> bytes, Checksums checksums);

// Recomputes all checksums that can be found, for tests that damage a file behind them.
void repair_checksums(std::span<std::byte> bytes);

}  // namespace openhb::container

namespace openhb {
// parse_program with a choice: fuzzing behind checksums would try their 2^64 values and nothing else.
Program parse_program(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                      container::Checksums checksums);

// Metadata section to and from a program without its weights (metadata must be 16-byte aligned).
std::vector<std::byte> encode_metadata(const Program& program);
Program decode_metadata(std::span<const std::byte> metadata);
}  // namespace openhb
