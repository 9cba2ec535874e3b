// SPDX-License-Identifier: Apache-2.0
// Pieces of what scripts on the board print. Everything is checked: the board may print anything.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace openhb::verify {

// What follows the line "@openhb", before which login scripts may have printed; nullopt without it.
std::optional<std::string_view> after_mark(std::string_view answer);

// The first line, which is removed from `text` with its end.
std::string_view take_line(std::string_view& text);

// The whole text as a number.
template <class T>
std::optional<T> number(std::string_view text, int base = 10) {
  if (base == 16 && text.starts_with("0x")) text.remove_prefix(2);
  T value{};
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

struct Disk {
  uint64_t free_bytes = 0;
  std::string mount;
};
// The line of `df -Pk` with "df " in front: "df /dev/sda1 1048576 1024 1047552 1% /mount point".
std::optional<Disk> parse_df(std::string_view line);

struct CachedFile {
  std::string hash;
  uint64_t size = 0;
};
// A line of `ls -ln`: "-rw-r--r-- 1 0 0 3500000 Nov 21 19:50 0123..."; nullopt when its name is no hash.
std::optional<CachedFile> parse_cached_file(std::string_view line);

}  // namespace openhb::verify
