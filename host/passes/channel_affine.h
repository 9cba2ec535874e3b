// SPDX-License-Identifier: Apache-2.0
// y * scale + shift per output channel, inside of the node that computes y.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "host/graph/graph.h"

namespace openhb::passes {

// The output of a Conv, ConvTranspose or Gemm with constant float32 weights and bias: its rank, and the
// extent of axis 1, the channels. nullopt for every other node.
struct ChannelOutput {
  size_t rank;
  int64_t channels;
};
std::optional<ChannelOutput> channel_output(const graph::Node& node);

// Scales weights and bias of a node with a channel_output in double precision and rounds once. False, and
// nothing changed, when a result is not finite. Spans have one entry per channel.
bool apply_channel_affine(graph::Graph& graph, graph::Node& node, std::span<const double> scale,
                          std::span<const double> shift);

}  // namespace openhb::passes
