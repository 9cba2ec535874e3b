// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "device/tools/model_exec/models.h"

namespace openhb::model_exec {

// The text of `hrt_model_exec model_info`: all models, or the one that is named.
std::string model_info(const std::vector<ModelPtr>& models, const std::string& name);

// "(1,3,224,224,)", as the vendor's tool writes lists of numbers.
std::string number_list(const Shape& numbers);

}  // namespace openhb::model_exec
