// SPDX-License-Identifier: Apache-2.0
// What the other side says, made fit for a message on a terminal or in a log.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace openhb::verify {

// Control characters (escape sequences, line ends) and broken UTF-8 become "?"; cut to `limit` bytes with
// "...".
std::string remote_text(std::string_view text, size_t limit = 500);

}  // namespace openhb::verify
