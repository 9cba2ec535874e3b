// SPDX-License-Identifier: Apache-2.0
// What a board says, in sentences for the user.
#pragma once

#include <string>
#include <string_view>

#include "common/error.h"
#include "host/verify/connection.h"

namespace openhb::verify {

// Text of another machine for a message or a table, as remote_text() makes it, in one line; of longer text
// the last `most` bytes: there programs say why they gave up.
std::string printable(std::string_view text, size_t most = 600);

// "12.3 MiB".
std::string size_text(uint64_t bytes);

// Why a command failed: status or signal, what that usually means, and its own words.
std::string failure_text(const CommandResult& result);

// board_storage when its words say that the disk is full or read-only, else board_command.
ErrorCode failure_code(const CommandResult& result);

// Throws Error(failure_code) "<what> failed on the board <name>: <failure_text>" unless the command
// succeeded.
void require_success(const CommandResult& result, const std::string& name, std::string_view what);

}  // namespace openhb::verify
