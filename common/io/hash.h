// SPDX-License-Identifier: Apache-2.0
// A hash that tells files apart; not against forgery.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace openhb {

// XXH3-128 as 32 hexadecimal digits.
std::string hash_text(std::span<const std::byte> bytes);

}  // namespace openhb
