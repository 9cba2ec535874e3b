// SPDX-License-Identifier: Apache-2.0
#include "host/report/provenance.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <array>
#include <charconv>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <string_view>
#include <utility>

#include "common/error.h"
#include "common/io/file.h"

namespace openhb::report {
namespace {

std::string hash(std::span<const std::byte> bytes) {
  const XXH128_hash_t h = XXH3_128bits(bytes.data(), bytes.size());
  return fmt::format("{:016x}{:016x}", h.high64, h.low64);
}

}  // namespace

File hash_file(std::string role, const std::string& path) {
  File file{std::move(role), path, 1, 0, {}};
  std::error_code error;
  if (std::filesystem::file_size(path, error) == 0 && !error) {  // nothing to map
    file.xxh3 = hash({});
    return file;
  }
  const auto mapped = MappedFile::open(path);
  file.bytes = mapped->bytes().size();
  file.xxh3 = hash(mapped->bytes());
  return file;
}

File hash_files(std::string role, std::string folder, std::span<const std::string> paths) {
  File all{std::move(role), std::move(folder), paths.size(), 0, {}};
  std::string lines;
  for (const std::string& path : paths) {
    const File one = hash_file("", path);
    all.bytes += one.bytes;
    lines += fmt::format("{}  {}\n", one.xxh3, std::filesystem::path(path).filename().string());
  }
  all.xxh3 = hash(std::as_bytes(std::span(lines)));
  return all;
}

std::string source_date() {
  const char* text = std::getenv("SOURCE_DATE_EPOCH");
  if (!text || !*text) return "";
  const std::string_view digits = text;
  int64_t seconds = 0;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), seconds);
  constexpr int64_t kLast = 253402300799;  // of the year 9999
  if (problem != std::errc() || end != digits.data() + digits.size() || seconds < 0 || seconds > kLast)
    fail(ErrorCode::usage,
         "the environment variable SOURCE_DATE_EPOCH is '{}', not a number of seconds since 1970", digits);
  const std::time_t time = seconds;
  std::tm utc{};
  gmtime_r(&time, &utc);
  std::array<char, 32> formatted{};
  std::strftime(formatted.data(), formatted.size(), "%Y-%m-%d %H:%M:%S UTC", &utc);
  return formatted.data();
}

}  // namespace openhb::report
