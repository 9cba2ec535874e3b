// SPDX-License-Identifier: Apache-2.0
// Bias correction: rounding the weights shifts the mean of a convolution's output; its bias can take that
// back.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "host/graph/graph.h"

namespace openhb::precision {

// Mean of each channel of a float value over samples and positions, by value name.
using ChannelMeans = std::map<std::string, std::vector<double>>;

// The values whose channel means correct_biases needs: inputs of int8 sums of products that have a bias.
std::vector<const graph::Value*> values_for_bias_correction(const graph::Graph& graph);

// For each of them: b += (W - W') * E[x], W' the dequantized integer weights. Borders are ignored. Only the
// node's own error is corrected: what earlier nodes caused is theirs to correct, and counting it twice would
// pile up. Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction" (2019),
// section 4.2.
void correct_biases(graph::Graph& graph, const ChannelMeans& means);

}  // namespace openhb::precision
