// SPDX-License-Identifier: Apache-2.0
// layer_out_dump: the results of convolutions as further outputs of the program.
#pragma once

#include <string>
#include <vector>

#include "host/graph/graph.h"

namespace openhb::compiler {

struct ConvOutput {
  std::string conv;        // node
  std::string activation;  // node that the convolution's step performs itself; its result is the output
  std::string output;      // of the program
  bool own = false;        // the network has this output without layer_out_dump, too
};

// Makes outputs of what the convolutions of an annotated graph hand on, as floats, and lists them. A result
// that was an output before is listed only. What the other outputs compute does not change.
std::vector<ConvOutput> keep_conv_outputs(graph::Graph& graph);

// The map that tools name the dumped tensors by: <prefix>_quantized_model_conv_output_map.json.
std::string conv_output_map(const std::vector<ConvOutput>& outputs, const graph::Graph& graph);

}  // namespace openhb::compiler
