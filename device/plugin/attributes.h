// SPDX-License-Identifier: Apache-2.0
// Attributes of a custom operator's node, and how a .bin file keeps them (docs/bin-format.md).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/tensor.h"

namespace openhb::plugin {

using AttributeValue = std::variant<int64_t, float, std::string, std::vector<int64_t>, std::vector<float>,
                                    std::vector<std::string>, Tensor>;
using Attributes = std::map<std::string, AttributeValue>;

// The kind (OPENHB_ATTRIBUTE_...) of a value, and its name for messages ("a list of integers").
int kind_of(const AttributeValue& value);
std::string_view kind_name(int kind);

std::string encode_attributes(const Attributes& attributes);
// Throws Error(program_step) for anything that encode_attributes does not write.
Attributes decode_attributes(std::string_view bytes);

}  // namespace openhb::plugin
