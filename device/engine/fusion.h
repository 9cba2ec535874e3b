// SPDX-License-Identifier: Apache-2.0
// Steps that a program has one by one, for what they mean, and a session runs as one, for speed: Dequantize,
// Softmax and Quantize, where nobody else sees the floats in between.
#pragma once

#include <vector>

#include "common/program/program.h"

namespace openhb::engine {

struct SoftmaxFusion {
  size_t dequantize, softmax, quantize;  // steps; runs when it is the last one's turn
};

// Reads and writes of the arena decide; of the bytes that are read after the steps none differs.
std::vector<SoftmaxFusion> find_softmax_fusions(const Program& program);

}  // namespace openhb::engine
