// SPDX-License-Identifier: Apache-2.0
// A calibration sample, which is of input_type_train and input_layout_train, as the network's inputs take it.
#pragma once

#include "common/tensor.h"
#include "host/config/config.h"
#include "host/graph/graph.h"

namespace openhb::compiler {

// `sample`: float32 in training colours and layout, pixels 0..255; featuremaps of any shape.

// The shape of samples for a graph input: its own, but in the training layout also where a quantized model
// takes nv12 as N, H, W, C.
Shape sample_shape(const config::InputConfig& input, const graph::Value& value);

// What the float graph is given: run-time colours minus 128 in the layout of `value`; featuremaps as its
// element type. YUV made of R, G, B is of whole numbers, as at run time, and for nv12 every chroma value is
// that of its 2x2 pixels.
Tensor graph_input(const config::InputConfig& input, Tensor sample, const graph::Value& value);

// What the program is given: bytes in run-time colours and layout; featuremaps in run-time layout.
Tensor program_input(const config::InputConfig& input, Tensor sample, const graph::Value& value);

// A tensor of four dimensions as N, H, W, C instead of N, C, H, W, or back; any other one as it is.
Tensor in_layout(Tensor t, bool is_nhwc, bool wanted_nhwc);

}  // namespace openhb::compiler
