// SPDX-License-Identifier: Apache-2.0
// The stages of a conversion, in order.
#pragma once

#include <array>
#include <string_view>

namespace openhb::config {

enum class Stage { parse, optimize, calibrate, quantize, compile };
inline constexpr std::array<std::string_view, 5> kStageNames{"parse", "optimize", "calibrate", "quantize",
                                                             "compile"};

constexpr std::string_view name_of(Stage stage) { return kStageNames[static_cast<size_t>(stage)]; }

}  // namespace openhb::config
