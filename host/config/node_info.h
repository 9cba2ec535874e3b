// SPDX-License-Identifier: Apache-2.0
// The values that speak of single nodes: node_info, set_node_data_type and optimization.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "host/config/config.h"

namespace openhb::config {

// node_info as a YAML map ({'conv': {'ON': 'BPU', 'InputType': 'int16'}}) or in its short form
// ('conv:int16;add:int16'). What is wrong with it, or "".
std::string parse_node_info(const std::string& text, std::vector<NodeInfo>& nodes);
// The map form.
std::string show_node_info(const std::vector<NodeInfo>& nodes);

// 'name:int16' entries to names. What is wrong with them, or "".
std::string parse_node_types(const std::vector<std::string>& entries, std::vector<std::string>& names);

// One word of `optimization` that asks for int16; false when it does not.
bool parse_int16_option(std::string_view word, Int16Request& request);

}  // namespace openhb::config
