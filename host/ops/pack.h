// SPDX-License-Identifier: Apache-2.0
// Float weights in the layouts that steps read: by the compiler where they are constant, else by Fill and
// Copy steps.
#pragma once

#include "host/compiler/lowering.h"

namespace openhb::ops {

// A float32 value of `rows` rows of `width` elements, each row padded with zeros to a multiple of 16:
// [rows, ceil(width/16)*16].
compiler::TensorId padded_rows(compiler::Lowering& lowering, const graph::Value* value, int64_t rows,
                               int64_t width);

// A float32 value that holds [groups * outputs, inputs, taps] as [groups, ceil(outputs/16), taps, inputs,
// 16].
compiler::TensorId packed_weights(compiler::Lowering& lowering, const graph::Value* value, int64_t groups,
                                  int64_t outputs, int64_t inputs, int64_t taps);

// A float32 value that holds [channels, taps] as [taps, ceil(channels/16)*16].
compiler::TensorId packed_depthwise(compiler::Lowering& lowering, const graph::Value* value, int64_t channels,
                                    int64_t taps);

}  // namespace openhb::ops
