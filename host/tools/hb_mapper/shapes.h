// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/shape.h"

namespace openhb::tools {

// --input-shape NAME 1x3x224x224, once per input. Throws Error(usage).
std::map<std::string, Shape> shapes_by_name(const std::vector<std::pair<std::string, std::string>>& given);

}  // namespace openhb::tools
