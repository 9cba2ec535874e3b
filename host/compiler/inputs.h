// SPDX-License-Identifier: Apache-2.0
// What the configuration says of the network's inputs, for the graph and for the program.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "host/compiler/lowering.h"
#include "host/config/config.h"

namespace openhb::compiler {

// Fits the layouts to the model: a featuremap of other than four dimensions has none, and a quantized model
// that this compiler wrote takes nv12 as N, H, W, C, whatever the network was trained on.
void settle_inputs(config::Config& config, const graph::Graph& graph);

// Shapes, names and layouts against the model's inputs, `config.inputs` in their order and named. Throws
// Error(config_bad_value). Returns what is of no effect, a sentence each.
std::vector<std::string> check_inputs(const config::Config& config, const graph::Graph& graph);

// Names of the inputs that are pictures.
std::vector<std::string> pictures(const config::Config& config);

// Those of them whose quantized ONNX input is NHWC, whatever the network's layout: nv12.
std::vector<std::string> nhwc_pictures(const config::Config& config);

// LowerOptions::images: pictures, and featuremaps in another layout than the network's.
std::map<std::string, LowerOptions::ImageInput> program_inputs(const config::Config& config);

// Sets what a runtime needs to know beyond that.
void describe_inputs(const config::Config& config, Program& program);

}  // namespace openhb::compiler
