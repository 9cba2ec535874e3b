// SPDX-License-Identifier: Apache-2.0
// Words of remove_node_type and the operators they mean.
#pragma once

#include <array>
#include <string_view>
#include <utility>

namespace openhb::config {

inline constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kRemovable{
    {{"Quantize", "QuantizeLinear"},
     {"Transpose", "Transpose"},
     {"Dequantize", "DequantizeLinear"},
     {"Cast", "Cast"},
     {"Reshape", "Reshape"},
     {"Softmax", "Softmax"}}};

}  // namespace openhb::config
