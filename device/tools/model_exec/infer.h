// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <vector>

#include "device/tools/model_exec/models.h"

namespace openhb::model_exec {

// `hrt_model_exec infer`: runs the selected model on the input files; reports to `out`, dumps as the options
// say.
void infer(const Options& options, const std::vector<ModelPtr>& models, std::FILE* out);

}  // namespace openhb::model_exec
