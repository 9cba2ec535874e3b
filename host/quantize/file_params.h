// SPDX-License-Identifier: Apache-2.0
// Reading the constants of QuantizeLinear, DequantizeLinear and HzCalibration nodes.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "host/graph/graph.h"
#include "host/quantize/load.h"

namespace openhb::quantize {

// The elements of a constant of an integer type of at most 32 bits; nullopt for anything else.
std::optional<std::vector<int64_t>> integers(const graph::Value* v);
// Those of a float constant.
std::optional<std::vector<float>> floats(const graph::Value* v);

// Scale and zero point (inputs 1 and 2) of a Q or DQ node as int8 (or int16) codes of the engine; nullopt
// where the engine has no such codes.
std::optional<LoadedParams::Entry> activation_params(const graph::Node& node);

// The index along `axis` of an element of a dense tensor.
size_t channel_of(const Shape& shape, size_t axis, size_t element);

}  // namespace openhb::quantize
