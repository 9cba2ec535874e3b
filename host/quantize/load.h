// SPDX-License-Identifier: Apache-2.0
// Models quantized elsewhere (calibration_type: load): QuantizeLinear and DequantizeLinear pairs, and the
// QLinear and Integer operators, become annotations of the float network between them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "host/graph/graph.h"

namespace openhb::quantize {

// Integer parameters by the name of the float value they belong to.
struct LoadedParams {
  struct Entry {
    QuantParams quant;  // weights: one scale per output channel, axis set
    DType codes = DType::i8;
  };
  std::map<std::string, Entry> values;
};

// Takes the quantization out of a graph as it was read (nothing inferred or folded yet): pairs disappear,
// dequantized constants become float constants, quantized operators float ones. What cannot be expressed
// (uint16, scales per block, codes that leave the network) stays as the operator it is. Throws
// Error(model_structure) when the model has no quantization at all.
LoadedParams take_quantization(graph::Graph& graph);

// To be called once pre-processing has been inserted before the inputs in `pictures`: what the model says of
// such an input holds for its pre-processed value, the pixels themselves have scale 1.
void move_behind_preprocess(const graph::Graph& graph, const std::vector<std::string>& pictures,
                            LoadedParams& params);

// Nodes of the optimized graph whose results the model quantizes: they are int8 wherever that is possible.
std::vector<std::string> quantized_nodes(const graph::Graph& graph, const LoadedParams& params);

// Sets Value::quant of the optimized graph, precision being assigned; nodes that lack a scale become float,
// with the reason. Weights get their scales in Value::quant too.
void apply_params(graph::Graph& graph, const LoadedParams& params);

// int8 parameters of a constant operand: those that it brought along, else of its own range.
QuantParams operand_params(const graph::Value& constant);
// The same for int16.
QuantParams operand_params_int16(const graph::Value& constant);

}  // namespace openhb::quantize
