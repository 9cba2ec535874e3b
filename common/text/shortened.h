// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace openhb {

// A name for a table, as newer vendor builds print it: at most 50 characters, the end of the name kept.
inline std::string shortened(const std::string& name) {
  constexpr size_t kLongest = 50;
  return name.size() <= kLongest ? name : "..." + name.substr(name.size() - (kLongest - 3));
}

}  // namespace openhb
