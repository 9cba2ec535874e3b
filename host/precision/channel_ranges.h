// SPDX-License-Identifier: Apache-2.0
// per_channel: ranges of their own for the channels of a tensor, although its codes have one scale.
//
// A channel that is multiplied by a power of two where it is written, and by the inverse where it is read,
// uses as many codes as the widest one, and float computes the same bits as before. That works between
// convolutions and matrix products with constant weights. Reading costs resolution of weights, so the power
// is the one that keeps the sum of both rounding errors least.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "host/graph/graph.h"

namespace openhb::precision {

using ChannelRanges = std::map<std::string, std::vector<float>>;  // largest magnitude per channel, by tensor

// Values whose channels can be scaled so.
std::vector<const graph::Value*> values_with_channels(const graph::Graph& graph);

// Scales their channels by what was seen of them; returns how many values changed.
size_t widen_channels(graph::Graph& graph, const ChannelRanges& ranges);

}  // namespace openhb::precision
