// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <nlohmann/json_fwd.hpp>

#include "device/tools/model_exec/options.h"
#include "device/tools/model_exec/runtime.h"

namespace openhb::model_exec {

// `hrt_bin_dump`: runs the model once and writes the results of its convolutions and its outputs as
// <layer>_float.bin. With `json` also for programs.
void bin_dump(const Options& options, const Package& package, std::FILE* out,
              nlohmann::ordered_json* json = nullptr);

}  // namespace openhb::model_exec
