// SPDX-License-Identifier: Apache-2.0
#include "host/verify/connection.h"

namespace openhb::verify {

std::string shell_quoted(const std::string& word) {
  std::string quoted = "'";
  for (const char c : word) {
    if (c == '\'')
      quoted += "'\\''";
    else
      quoted += c;
  }
  return quoted + "'";
}

}  // namespace openhb::verify
