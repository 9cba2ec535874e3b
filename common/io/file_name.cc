// SPDX-License-Identifier: Apache-2.0
#include "common/io/file_name.h"

#include <fmt/format.h>

namespace openhb {

std::string file_stem(const std::string& name, std::set<std::string>& used) {
  constexpr size_t kMaxName = 200;  // file systems take 255 bytes
  std::string stem = name.substr(0, kMaxName);
  for (char& c : stem)
    if (c == '/' || static_cast<unsigned char>(c) < 0x20) c = '_';
  if (stem.empty() || stem == "." || stem == "..") stem += '_';
  std::string unique = stem;
  for (int count = 1; !used.insert(unique).second; ++count) unique = fmt::format("{}_{}", stem, count);
  return unique;
}

}  // namespace openhb
