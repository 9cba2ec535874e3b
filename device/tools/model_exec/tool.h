// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "device/tools/model_exec/options.h"

namespace openhb::model_exec {

// A tool from command line to exit status: 0 success, 1 failure, 2 wrong command line, 130 after Ctrl-C.
int run_tool(Tool tool, int argc, char** argv) noexcept;

}  // namespace openhb::model_exec
