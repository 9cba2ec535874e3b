// SPDX-License-Identifier: Apache-2.0
#include "common/program/pack.h"

#include <array>
#include <cstring>
#include <set>

#include "common/error.h"
#include "common/io/file.h"
#include "common/program/container.h"
#include "common/program/file.h"

namespace openhb {
using container::align_up, container::Header, container::header_checksum;
namespace {

// A pack has the container's header, but for the magic; section_count is the number of models.
constexpr std::array<char, 8> kPackMagic = {'O', 'H', 'B', 'P', 'A', 'C', 'K', '\0'};

struct PackEntry {
  uint64_t offset, size;
};

bool is_pack(std::span<const std::byte> bytes) {
  return bytes.size() >= kPackMagic.size() &&
         std::memcmp(bytes.data(), kPackMagic.data(), kPackMagic.size()) == 0;
}

std::vector<std::span<const std::byte>> split_pack(std::span<const std::byte> bytes) {
  Header header{};
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
  if (header.section_count == 0 || header.section_count > kMaxPackModels ||
      (bytes.size() - sizeof(header)) / sizeof(PackEntry) < header.section_count)
    fail(ErrorCode::program_format, "the pack says that it holds {} models; it is damaged",
         header.section_count);
  const auto table = bytes.subspan(sizeof(header), header.section_count * sizeof(PackEntry));
  if (header_checksum(header, table) != header.checksum)
    fail(ErrorCode::program_checksum, "the pack's checksum is wrong: it is damaged; copy it again");
  std::vector<std::span<const std::byte>> files;
  uint64_t end = sizeof(header) + table.size();
  for (uint32_t i = 0; i < header.section_count; ++i) {
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
  uint64_t end = sizeof(Header) + files.size() * sizeof(PackEntry);
  for (const auto& file : files) {
    programs.push_back(parse_program(file, nullptr));
    table.push_back({align_up(end), file.size()});
    end = table.back().offset + file.size();
  }
  require_different_names(programs, ErrorCode::usage);
  Header header{};
  header.magic = kPackMagic;
  header.major = kFormatMajor;
  header.minor = kFormatMinor;
  header.file_size = end;
  header.section_count = static_cast<uint32_t>(files.size());
  header.checksum = header_checksum(header, std::as_bytes(std::span(table)));
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
