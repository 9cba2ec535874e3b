// SPDX-License-Identifier: Apache-2.0
#include "common/program/pack.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <array>
#include <cstring>
#include <set>

#include "common/error.h"
#include "common/io/file.h"
#include "common/program/file.h"

namespace openhb {
namespace {

constexpr std::array<char, 8> kPackMagic = {'O', 'H', 'B', 'P', 'A', 'C', 'K', '\0'};
constexpr uint64_t kAlignment = 64;

struct PackHeader {
  std::array<char, 8> magic;
  uint32_t major, minor;
  uint64_t file_size;
  uint32_t count;
  uint32_t reserved;
  uint64_t checksum;  // XXH3-64 of header and table, with 0 in this field; models have their own
  std::array<uint64_t, 3> padding;
};
static_assert(sizeof(PackHeader) == 64);

struct PackEntry {
  uint64_t offset, size;
};

constexpr uint64_t align_up(uint64_t n) { return (n + kAlignment - 1) / kAlignment * kAlignment; }

bool is_pack(std::span<const std::byte> bytes) {
  return bytes.size() >= kPackMagic.size() &&
         std::memcmp(bytes.data(), kPackMagic.data(), kPackMagic.size()) == 0;
}

uint64_t pack_checksum(PackHeader header, std::span<const std::byte> table) {
  header.checksum = 0;
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  XXH3_64bits_update(&state, &header, sizeof(header));
  XXH3_64bits_update(&state, table.data(), table.size());
  return XXH3_64bits_digest(&state);
}

std::vector<std::span<const std::byte>> split_pack(std::span<const std::byte> bytes) {
  PackHeader header{};
  if (bytes.size() < sizeof(header))
    fail(ErrorCode::program_format, "the pack ends inside its header: {} of {} bytes; copy it again",
         bytes.size(), sizeof(header));
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (header.major != kFormatMajor)
    fail(ErrorCode::program_version, "the pack has format version {}.{}, this program reads {}.x; {}",
         header.major, header.minor, kFormatMajor,
         header.major > kFormatMajor ? "update the runtime" : "pack the models again");
  if (header.file_size != bytes.size())
    fail(ErrorCode::program_format, "the pack has {} bytes, its header says {}; copy it again", bytes.size(),
         header.file_size);
  if (header.count == 0 || header.count > kMaxPackModels ||
      (bytes.size() - sizeof(header)) / sizeof(PackEntry) < header.count)
    fail(ErrorCode::program_format, "the pack says that it holds {} models; it is damaged", header.count);
  const auto table = bytes.subspan(sizeof(header), header.count * sizeof(PackEntry));
  if (pack_checksum(header, table) != header.checksum)
    fail(ErrorCode::program_checksum, "the pack's checksum is wrong: it is damaged; copy it again");
  std::vector<std::span<const std::byte>> files;
  uint64_t end = sizeof(header) + table.size();
  for (uint32_t i = 0; i < header.count; ++i) {
    PackEntry entry{};
    std::memcpy(&entry, table.data() + i * sizeof(entry), sizeof(entry));
    if (entry.offset != align_up(end) || entry.offset > bytes.size() ||
        entry.size > bytes.size() - entry.offset)
      fail(ErrorCode::program_format, "model {} of the pack is not where it should be; the pack is damaged",
           i);
    files.push_back(bytes.subspan(entry.offset, entry.size));
    end = entry.offset + entry.size;
  }
  if (end != bytes.size())
    fail(ErrorCode::program_format, "bytes follow the last model of the pack; it is damaged");
  return files;
}

void require_different_names(const std::vector<Program>& programs, ErrorCode code) {
  std::set<std::string> names;
  for (const Program& program : programs)
    if (!names.insert(program.name).second)
      fail(code, "two models of the pack are named '{}'; names must differ", program.name);
}

}  // namespace

std::vector<std::byte> assemble_pack(std::span<const std::span<const std::byte>> files) {
  if (files.empty() || files.size() > kMaxPackModels)
    fail(ErrorCode::usage, "{} models for a pack; 1 to {} are possible", files.size(), kMaxPackModels);
  std::vector<Program> programs;
  std::vector<PackEntry> table;
  uint64_t end = sizeof(PackHeader) + files.size() * sizeof(PackEntry);
  for (const auto& file : files) {
    programs.push_back(parse_program(file, nullptr));
    table.push_back({align_up(end), file.size()});
    end = table.back().offset + file.size();
  }
  require_different_names(programs, ErrorCode::usage);
  PackHeader header{};
  header.magic = kPackMagic;
  header.major = kFormatMajor;
  header.minor = kFormatMinor;
  header.file_size = end;
  header.count = static_cast<uint32_t>(files.size());
  header.checksum = pack_checksum(header, std::as_bytes(std::span(table)));
  std::vector<std::byte> pack(end);
  std::memcpy(pack.data(), &header, sizeof(header));
  std::memcpy(pack.data() + sizeof(header), table.data(), table.size() * sizeof(PackEntry));
  for (size_t i = 0; i < files.size(); ++i)
    std::memcpy(pack.data() + table[i].offset, files[i].data(), files[i].size());
  return pack;
}

std::vector<Program> parse_programs(std::span<const std::byte> bytes, std::shared_ptr<const void> owner) {
  std::vector<Program> programs;
  if (!is_pack(bytes)) {
    programs.push_back(parse_program(bytes, std::move(owner)));
    return programs;
  }
  for (const auto& file : split_pack(bytes)) programs.push_back(parse_program(file, owner));
  require_different_names(programs, ErrorCode::program_format);
  return programs;
}

std::vector<Program> read_programs(const std::string& path) {
  const auto file = MappedFile::open(path);
  try {
    return parse_programs(file->bytes(), file);
  } catch (const Error& e) {
    throw Error(e.code(), fmt::format("cannot load '{}': {}", path, e.what()));
  }
}

}  // namespace openhb
