// SPDX-License-Identifier: Apache-2.0
// optimization: set_model_output_int8 and set_model_output_int16.
#pragma once

#include <functional>

#include "host/calibration/histogram.h"
#include "host/graph/graph.h"

namespace openhb::precision {

// Calibration shall see the values of the float outputs.
void observe_outputs(graph::Graph& graph);

// Every observed output becomes int8 or int16 codes under its old name: QuantizeLinear stands behind the
// float value, which is called NAME_float from then on. Its parameters are those of the value where an
// integer node computes it in such codes, else those of the range that `range_of` gives.
void quantize_outputs(graph::Graph& graph, DType codes,
                      const std::function<calibration::ClipRange(const graph::Value&)>& range_of);

}  // namespace openhb::precision
