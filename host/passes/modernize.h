// SPDX-License-Identifier: Apache-2.0
// Older operator forms become those of opset 13, which every artefact is written in (QuantizeLinear per
// channel needs it).
#pragma once

#include "host/graph/graph.h"

namespace openhb::passes {

// Attributes that later opsets turned into inputs move there (Clip, Pad, Slice, Split, Squeeze, Unsqueeze,
// ReduceSum), Upsample and Resize-10 become Resize, Softmax over flattened axes gets its reshapes, Dropout
// disappears. Shapes must be inferred. Afterwards graph.opset >= 13.
void modernize(graph::Graph& graph);

}  // namespace openhb::passes
