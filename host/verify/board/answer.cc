// SPDX-License-Identifier: Apache-2.0
#include "host/verify/board/answer.h"

#include <algorithm>

#include "common/text/text.h"

namespace openhb::verify {
namespace {

constexpr std::string_view kMark = "@openhb\n";

}  // namespace

std::optional<std::string_view> after_mark(std::string_view answer) {
  if (answer.starts_with(kMark)) return answer.substr(kMark.size());
  const size_t at = answer.find("\n@openhb\n");
  if (at == std::string_view::npos) return std::nullopt;
  return answer.substr(at + 1 + kMark.size());
}

std::string_view take_line(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  return line;
}

std::optional<Disk> parse_df(std::string_view line) {
  const size_t percent = line.find("% /");
  if (!line.starts_with("df ") || percent == std::string_view::npos) return std::nullopt;
  const std::vector<std::string> words = split(line.substr(0, percent), ' ');
  if (words.size() < 3) return std::nullopt;
  const auto kib = number<uint64_t>(words[words.size() - 2]);
  if (!kib || *kib >= uint64_t{1} << 50) return std::nullopt;
  return Disk{*kib * 1024, std::string(line.substr(percent + 2))};
}

std::optional<CachedFile> parse_cached_file(std::string_view line) {
  const std::vector<std::string> words = split(line, ' ');
  if (words.size() < 7 || !words[0].starts_with('-')) return std::nullopt;
  const std::string& name = words.back();
  if (name.size() != 32 || name.find_first_not_of("0123456789abcdef") != std::string::npos)
    return std::nullopt;
  const auto size = number<uint64_t>(words[4]);
  return size ? std::optional(CachedFile{name, *size}) : std::nullopt;
}

}  // namespace openhb::verify
