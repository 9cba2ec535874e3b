// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <vector>

#include "device/tools/model_exec/models.h"

namespace openhb::model_exec {

// `hrt_model_exec perf`: runs the selected model on random data, `thread_num` frames at a time, and reports
// latencies and frame rate to `out`; with profile_path also where the time goes.
void perf(const Options& options, const std::vector<ModelPtr>& models, std::FILE* out);

}  // namespace openhb::model_exec
