// SPDX-License-Identifier: Apache-2.0
#include "host/precision/outputs.h"

#include "common/error.h"
#include "host/precision/assign.h"

namespace openhb::precision {

void observe_outputs(graph::Graph& graph) {
  for (graph::Value* v : graph.outputs) v->observed = v->producer && v->dtype == DType::f32;
}

void quantize_outputs(graph::Graph& graph, DType codes,
                      const std::function<calibration::ClipRange(const graph::Value&)>& range_of) {
  for (graph::Value*& output : graph.outputs) {
    if (!output->observed) continue;
    output->observed = false;
    const bool int16 = codes == DType::i16;
    const calibration::ClipRange range = range_of(*output);
    constexpr float kLargestValue = 1e30f;
    if (!(range.lo >= -kLargestValue && range.hi <= kLargestValue))
      fail(ErrorCode::quantize_failed,
           "output '{}' reaches from {} to {}, which set_model_output_{} cannot express; check the "
           "calibration data",
           output->name, range.lo, range.hi, int16 ? "int16" : "int8");
    // What is codes already keeps its own: nothing is lost.
    const QuantParams q = output->quant && output->codes == codes ? *output->quant
                          : int16                                 ? int16_of_range(range)
                                                                  : quant_of_range(range);
    const std::string name = output->name;
    graph.rename_value(output, graph.unique_name(name + "_float"));
    graph::Value* scale =
        graph.add_constant(name + "_scale", Tensor::from<float>({}, std::vector<float>{q.scale()}));
    graph::Value* zero = graph.add_constant(
        name + "_zero_point",
        int16 ? Tensor(DType::i16, {})
              : Tensor::from<int8_t>({}, std::vector{static_cast<int8_t>(q.zero_point())}));
    const graph::Node* node = graph.add_node("QuantizeLinear", graph.unique_name(name + "_HzQuantize"),
                                             {output, scale, zero}, {name});
    node->outputs[0]->dtype = codes;
    node->outputs[0]->shape = output->shape;
    output = node->outputs[0];
  }
}

}  // namespace openhb::precision
