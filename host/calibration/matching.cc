// SPDX-License-Identifier: Apache-2.0
#include "host/calibration/matching.h"

#include <fmt/format.h>

#include <filesystem>
#include <map>

namespace openhb::calibration {
namespace {

bool digit(char c) { return c >= '0' && c <= '9'; }

// "cat_007.bin" -> "cat_7"
std::string key_of(const std::string& path) {
  const std::string stem = std::filesystem::path(path).stem().string();
  std::string key;
  for (size_t i = 0; i < stem.size(); ++i) {
    const bool in_number = !key.empty() && digit(key.back());
    const bool more = i + 1 < stem.size() && digit(stem[i + 1]);
    if (stem[i] != '0' || in_number || !more) key += stem[i];  // else a leading zero
  }
  return key;
}

}  // namespace

std::string match_files(const std::vector<std::string>& first, std::vector<std::string>& files) {
  std::map<std::string, const std::string*> by_key;
  for (const std::string& file : files) by_key[key_of(file)] = &file;
  std::map<std::string, const std::string*> wanted;
  for (const std::string& file : first) wanted[key_of(file)] = &file;
  std::vector<std::string> ordered;
  const std::string* alone = nullptr;
  for (const std::string& file : first) {
    const auto it = by_key.find(key_of(file));
    if (it != by_key.end())
      ordered.push_back(*it->second);
    else if (!alone)
      alone = &file;
  }
  // Two files with one key (a.png, a.jpg) leave open which is meant.
  if (!alone && by_key.size() == files.size() && wanted.size() == first.size()) {
    files = std::move(ordered);
    return "";
  }
  const auto name = [](const std::string& path) { return std::filesystem::path(path).filename().string(); };
  if (!alone)
    return "several files have the same name apart from suffix or zeros; files are paired in name order";
  return fmt::format(
      "'{}' has no partner of the same name ({} of {} have one); files are paired in name order, such "
      "as '{}' with '{}'",
      name(*alone), ordered.size(), first.size(), name(first.front()), name(files.front()));
}

}  // namespace openhb::calibration
