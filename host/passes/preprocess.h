// SPDX-License-Identifier: Apache-2.0
// Puts the pre-processing of an input into the network.
#pragma once

#include <vector>

#include "host/config/config.h"
#include "host/graph/graph.h"

namespace openhb::passes {

// For every picture input (and every featuremap with mean or scale) a HzPreprocess node, named
// HZ_PREPROCESS_FOR_<input>: a 1x1 convolution that brings the colours of run time to those of training and
// does (x - mean) * scale. The graph input keeps its name and then holds pixel - 128 (a featuremap: the data
// itself), for nv12 as YUV444. Shapes must be inferred, and fit (config::wrong_shape).
void insert_preprocess(graph::Graph& graph, const std::vector<config::InputConfig>& inputs);

// Mean and scale of an input applied to a sample in its training layout: what the network itself takes.
Tensor normalised(const Tensor& sample, const config::InputConfig& input);

// Position in the run-time colour order of each training channel, e.g. {2, 1, 0} for bgr from rgb.
std::vector<size_t> colour_order(InputKind train, InputKind rt);

}  // namespace openhb::passes
