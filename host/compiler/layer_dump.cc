// SPDX-License-Identifier: Apache-2.0
#include "host/compiler/layer_dump.h"

#include <nlohmann/json.hpp>

#include "host/compiler/lowering.h"

namespace openhb::compiler {

std::vector<ConvOutput> keep_conv_outputs(graph::Graph& graph) {
  const auto consumers = graph.consumers();
  std::vector<ConvOutput> kept;
  std::vector<graph::Value*> values;
  for (const auto& node : graph.nodes()) {
    if (node->op != "Conv" && node->op != "ConvTranspose") continue;
    graph::Value* value = node->outputs[0];
    // The convolution's step has bounds of its own, so it performs the activation that follows. An output in
    // between would part the two and change numbers.
    const graph::Node* activation = fused_activation(*node, consumers, graph, node->int8, true);
    if (activation) value = activation->outputs[0];
    kept.push_back({node->name, activation ? activation->name : "", value->name, graph.is_output(value)});
    values.push_back(value);
  }
  for (graph::Value* value : values)
    if (!graph.is_output(value)) graph.outputs.push_back(value);
  return kept;
}

std::string conv_output_map(const std::vector<ConvOutput>& outputs, const graph::Graph& graph) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  for (const ConvOutput& kept : outputs) {
    const graph::Value* value = graph.find_value(kept.output);
    json[kept.conv] = {{"output", kept.output}, {"shape", value->shape}};
    if (kept.own) json[kept.conv]["model_output"] = true;
    if (!kept.activation.empty()) json[kept.conv]["activation"] = kept.activation;
    if (value->quant && value->producer->int8)
      json[kept.conv].update({{"codes", dtype_name(value->codes)},
                              {"scale", value->quant->scale()},
                              {"zero_point", value->quant->zero_point()}});
  }
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace openhb::compiler
