// SPDX-License-Identifier: Apache-2.0
// Inner loop of Dequantize, Softmax and Quantize as one.
#pragma once

#include <cstdint>

namespace openhb::kernels {

struct QuantizedSoftmaxLoops {
  // One sequence of n >= 1 codes; `values` are the 256 dequantized codes, ascending; y may be x.
  void (*row)(const int8_t* x, int8_t* y, int64_t n, const float* values, float scale, int32_t zero_point);
};

}  // namespace openhb::kernels
