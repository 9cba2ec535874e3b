// SPDX-License-Identifier: Apache-2.0
// The models that the command line names.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "device/engine/model.h"
#include "device/tools/model_exec/options.h"

namespace openhb::model_exec {

using ModelPtr = std::shared_ptr<const engine::Model>;

// All models of --model_file. Throws Error as Model::open does, and for two models of one name.
std::vector<ModelPtr> load_models(const Options& options);

// The one named by --model_name, or the only one.
ModelPtr select_model(const std::vector<ModelPtr>& models, const std::string& name);

}  // namespace openhb::model_exec
