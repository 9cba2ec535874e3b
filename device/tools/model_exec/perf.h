// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <nlohmann/json_fwd.hpp>

#include "device/tools/model_exec/options.h"
#include "device/tools/model_exec/runtime.h"

namespace openhb::model_exec {

// `hrt_model_exec perf`: runs the selected model on random data or files, `thread_num` frames at a time, and
// reports latencies, frame rate, memory and the times of steps to `out`. With `json` also for programs. After
// Ctrl-C it reports what it has and throws Interrupted.
void perf(const Options& options, const Package& package, std::FILE* out,
          nlohmann::ordered_json* json = nullptr);

}  // namespace openhb::model_exec
