// SPDX-License-Identifier: Apache-2.0
// What the keys of input_parameters and input_source allow together.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "host/config/config.h"

namespace openhb::config {

// Why a program given `rt` (words of input_type_rt) cannot run a model trained on `train`, or "".
std::string unsupported_types(std::string_view train, std::string_view rt);

// "{'image': 'pyramid'}" as a YAML map. What is wrong with it, or "".
std::string parse_input_source(const std::string& text, std::map<std::string, InputSource>& sources);
std::string show_input_source(const Config& config);

// As configured, else pyramid for nv12 and gray, ddr for others.
InputSource source_of(const Config& config, const InputConfig& input);

// A shape that an input of this type cannot have: why, or "". `shape` is in the layout of input_layout_train.
std::string wrong_shape(const InputConfig& input, const Shape& shape);

// The word of input_type_train and input_type_rt.
std::string_view type_word(InputKind kind);

}  // namespace openhb::config
