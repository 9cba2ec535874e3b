// SPDX-License-Identifier: Apache-2.0
// The hash that boards can compute: sha256sum is part of coreutils, busybox and toybox.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace openhb::verify {

// SHA-256 (FIPS 180-4) as 64 hexadecimal digits.
std::string sha256_text(std::span<const std::byte> bytes);

}  // namespace openhb::verify
