// SPDX-License-Identifier: Apache-2.0
// Dequantize, Softmax along the innermost axis and Quantize as one, for int8 codes x and y of the same
// extents with one scale each: the same bits in a fraction of the time.
#pragma once

#include "device/kernels/kernel.h"

namespace openhb::kernels {

// Whether it pays, and its tables are finite.
bool quantized_softmax_fits(const TensorDesc& x, const TensorDesc& y);
// y may be x. The addresses are those of the tensors.
std::unique_ptr<Runner> bind_quantized_softmax(const TensorDesc& x, const TensorDesc& y,
                                               const std::byte* x_codes, std::byte* y_codes, CpuFeatures cpu);

}  // namespace openhb::kernels
