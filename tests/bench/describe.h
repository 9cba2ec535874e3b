// SPDX-License-Identifier: Apache-2.0
// A session's steps as one line of JSON.
#pragma once

#include <functional>
#include <string>

#include "device/engine/model.h"

namespace openhb::bench {

// {"name", "macs", "arena", "steps": [{"step", "node", "input", "output", "macs", "row"}]}; `more(i)` adds
// members to step i, with a comma before each.
std::string describe_steps(
    const engine::Session& session,
    const std::function<std::string(size_t)>& more = [](size_t) { return std::string(); });

}  // namespace openhb::bench
