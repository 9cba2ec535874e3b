// SPDX-License-Identifier: Apache-2.0
// The ONNX forms of a graph with int8 annotations: the calibrated model and the quantized model.
#pragma once

#include "host/graph/graph.h"

namespace openhb::quantize {

// A HzCalibration node (quantize and dequantize again) behind every value and constant weight that int8 nodes
// read.
graph::Graph calibrated_graph(const graph::Graph& graph);

// Standard operators with QuantizeLinear and DequantizeLinear around every int8 node, uint8 activations
// (u = q + 128), int8 weights; accumulators that leave as int32 are ConvInteger or MatMulInteger. The inputs
// named in `pictures` become int8 (pixel - 128), those also in `to_nhwc` N, H, W, C instead of N, C, H, W.
// Stock ONNX Runtime with all optimisations runs it in integers. int16 codes are int16 there, which needs
// opset 21.
graph::Graph quantized_graph(const graph::Graph& graph, const std::vector<std::string>& pictures,
                             const std::vector<std::string>& to_nhwc = {});

}  // namespace openhb::quantize
