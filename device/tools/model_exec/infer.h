// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <nlohmann/json_fwd.hpp>

#include "device/tools/model_exec/inputs.h"
#include "device/tools/model_exec/options.h"
#include "device/tools/model_exec/runtime.h"

namespace openhb::model_exec {

// `hrt_model_exec infer`: runs the selected model on the input files; reports to `out`, dumps as the options
// say. With `json` also for programs. Throws Interrupted after Ctrl-C.
void infer(const Options& options, const Package& package, std::FILE* out,
           nlohmann::ordered_json* json = nullptr);

// The part of it that runs a frame and dumps: no classification.
void infer_frame(const Options& options, const ModelHandle& model, LoadedFrame& loaded, std::FILE* out,
                 nlohmann::ordered_json* json = nullptr);

}  // namespace openhb::model_exec
