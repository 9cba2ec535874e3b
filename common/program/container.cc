// SPDX-License-Identifier: Apache-2.0
#include "common/program/container.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "common/error.h"
#include "common/program/file.h"

namespace openhb::container {
namespace {

static_assert(std::endian::native == std::endian::little, "files are little endian");

uint64_t checksum(std::span<const std::byte> bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

Header read_header(std::span<const std::byte> bytes) {
  Header header{};
  const size_t magic_size = std::min(bytes.size(), kMagic.size());
  if (magic_size == 0 || std::memcmp(bytes.data(), kMagic.data(), magic_size) != 0)
    fail(ErrorCode::program_format,
         "this is not a compiled model (.bin): the file does not start with OHBPROG");
  if (bytes.size() < sizeof(Header))
    fail(ErrorCode::program_format, "the file ends inside its header: {} of {} bytes; copy it again",
         bytes.size(), sizeof(Header));
  std::memcpy(&header, bytes.data(), sizeof(Header));
  return header;
}

void check_header(const Header& header, std::span<const std::byte> bytes, Checksums checksums) {
  // Before everything else: another major version may have another meaning of all the rest.
  if (header.major != kFormatMajor)
    fail(ErrorCode::program_version,
         "the file has format version {}.{}, this program reads {}.x (up to {}.{}); {}", header.major,
         header.minor, kFormatMajor, kFormatMajor, kFormatMinor,
         header.major > kFormatMajor ? "update the runtime" : "compile the model again");
  if (header.file_size != bytes.size())
    fail(ErrorCode::program_format, "the file has {} bytes, its header says {}; copy it again", bytes.size(),
         header.file_size);
  if (header.section_count == 0 || header.section_count > kMaxSections)
    fail(ErrorCode::program_format, "the file has {} sections, 1 to {} are possible; the file is damaged",
         header.section_count, kMaxSections);
  if (bytes.size() - sizeof(Header) < header.section_count * sizeof(SectionEntry))
    fail(ErrorCode::program_format, "the file ends inside its section table; copy it again");
  const auto table = bytes.subspan(sizeof(Header), header.section_count * sizeof(SectionEntry));
  if (checksums == Checksums::verify && header_checksum(header, table) != header.checksum)
    fail(ErrorCode::program_checksum, "the header's checksum is wrong: the file is damaged; copy it again");
  if (header.reserved0 != 0 || header.reserved != decltype(header.reserved){})
    fail(ErrorCode::program_format, "reserved fields of the header are not 0; the file is damaged");
}

std::vector<SectionEntry> read_table(const Header& header, std::span<const std::byte> bytes) {
  std::vector<SectionEntry> table(header.section_count);
  const auto from = bytes.subspan(sizeof(Header), table.size() * sizeof(SectionEntry));
  std::copy(from.begin(), from.end(), std::as_writable_bytes(std::span(table)).begin());
  return table;
}

}  // namespace

uint64_t header_checksum(Header header, std::span<const std::byte> table) {
  header.checksum = 0;
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  XXH3_64bits_update(&state, &header, sizeof(header));
  XXH3_64bits_update(&state, table.data(), table.size());
  return XXH3_64bits_digest(&state);
}

std::vector<std::byte> assemble(std::span<const std::byte> metadata, std::span<const std::byte> weights) {
  std::array<SectionEntry, 2> table{};
  table[0] = {static_cast<uint32_t>(SectionKind::metadata), 0, align_up(sizeof(Header) + sizeof(table)),
              metadata.size(), checksum(metadata)};
  table[1] = {static_cast<uint32_t>(SectionKind::weights), 0, align_up(table[0].offset + table[0].size),
              weights.size(), checksum(weights)};
  Header header{};
  header.magic = kMagic;
  header.major = kFormatMajor;
  header.minor = kFormatMinor;
  header.file_size = table[1].offset + table[1].size;
  header.section_count = table.size();
  header.checksum = header_checksum(header, std::as_bytes(std::span(table)));

  std::vector<std::byte> file(header.file_size);
  std::memcpy(file.data(), &header, sizeof(header));
  std::memcpy(file.data() + sizeof(header), table.data(), sizeof(table));
  std::copy(metadata.begin(), metadata.end(), file.begin() + static_cast<ptrdiff_t>(table[0].offset));
  std::copy(weights.begin(), weights.end(), file.begin() + static_cast<ptrdiff_t>(table[1].offset));
  return file;
}

Sections parse(std::span<const std::byte> bytes, Checksums checksums) {
  const Header header = read_header(bytes);
  check_header(header, bytes, checksums);
  Sections sections;
  uint32_t seen = 0;
  uint64_t end = sizeof(Header) + header.section_count * sizeof(SectionEntry);
  for (const SectionEntry& entry : read_table(header, bytes)) {
    if (entry.offset % kSectionAlignment != 0 || entry.offset != align_up(end) || entry.reserved != 0 ||
        entry.offset > bytes.size() || entry.size > bytes.size() - entry.offset)
      fail(ErrorCode::program_format,
           "section {} (bytes {} + {}) is not where it should be; the file is damaged", entry.kind,
           entry.offset, entry.size);
    const auto gap = bytes.subspan(end, entry.offset - end);
    if (std::any_of(gap.begin(), gap.end(), [](std::byte b) { return b != std::byte{0}; }))
      fail(ErrorCode::program_format, "the space before section {} is not zero; the file is damaged",
           entry.kind);
    const auto section = bytes.subspan(entry.offset, entry.size);
    if (checksums == Checksums::verify && checksum(section) != entry.checksum)
      fail(ErrorCode::program_checksum,
           "the checksum of section {} is wrong: the file is damaged; copy it again", entry.kind);
    end = entry.offset + entry.size;
    // Kinds that a newer minor version has added are skipped.
    for (auto [kind, span] : {std::pair{SectionKind::metadata, &sections.metadata},
                              std::pair{SectionKind::weights, &sections.weights}}) {
      if (entry.kind != static_cast<uint32_t>(kind)) continue;
      if (seen & 1u << entry.kind)
        fail(ErrorCode::program_format, "there are two sections {}; the file is damaged", entry.kind);
      seen |= 1u << entry.kind;
      *span = section;
    }
  }
  if (end != bytes.size())
    fail(ErrorCode::program_format, "{} bytes follow the last section; the file is damaged",
         bytes.size() - end);
  if (seen != (1u << 1 | 1u << 2))
    fail(ErrorCode::program_format, "a section is missing; the file is damaged");
  return sections;
}

void repair_checksums(std::span<std::byte> bytes) {
  if (bytes.size() < sizeof(Header)) return;
  Header header{};
  std::memcpy(&header, bytes.data(), sizeof(header));
  const auto space = (bytes.size() - sizeof(Header)) / sizeof(SectionEntry);
  header.section_count =
      static_cast<uint32_t>(std::min<uint64_t>({header.section_count, kMaxSections, space}));
  std::vector<SectionEntry> table = read_table(header, bytes);
  for (SectionEntry& entry : table)
    if (entry.offset <= bytes.size() && entry.size <= bytes.size() - entry.offset)
      entry.checksum = checksum(bytes.subspan(entry.offset, entry.size));
  Header original{};
  std::memcpy(&original, bytes.data(), sizeof(original));
  original.checksum = header_checksum(original, std::as_bytes(std::span(table)));
  std::memcpy(bytes.data(), &original, sizeof(original));
  if (!table.empty())
    std::memcpy(bytes.data() + sizeof(Header), table.data(), table.size() * sizeof(SectionEntry));
}

}  // namespace openhb::container
