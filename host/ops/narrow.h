// SPDX-License-Identifier: Apache-2.0
// Conversions to narrow element types, as arithmetic on the type that holds their values: narrow.cc.
#pragma once

#include "host/graph/narrow.h"
#include "host/ops/rewriter.h"

namespace openhb::ops {

// `x` converted to `type` (ONNX Cast-26): floats round to the nearest value, ties to even; with `saturate`
// what is too large becomes the largest value, else infinity or NaN. float8e8m0: `round_mode` up, down or
// nearest. Integers keep their low bits; floats to integers truncate and saturate.
Value* cast_to_narrow(Rewriter& r, Value* x, const graph::NarrowType& type, bool saturate,
                      std::string_view round_mode);

}  // namespace openhb::ops
