// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "device/tools/model_exec/runtime.h"

namespace openhb::model_exec {

// `hrt_model_exec model_info`: what hbDNNGet*TensorProperties tell about all models, or about the named one.
// With `json` also for programs.
std::string model_info(const Package& package, const std::string& name,
                       nlohmann::ordered_json* json = nullptr);

}  // namespace openhb::model_exec
