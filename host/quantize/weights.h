// SPDX-License-Identifier: Apache-2.0
// Integer weights: int8, symmetric, one scale per output channel; int32 bias at scale f32(sx * sw).
#pragma once

#include <cstdint>
#include <vector>

#include "common/program/program.h"
#include "common/tensor.h"

namespace openhb::quantize {

struct IntegerWeights {
  std::vector<int8_t> codes;            // in the order of the weight tensor
  std::vector<float> scales;            // per output channel
  std::vector<int32_t> bias;            // per output channel, 0 without a bias or for int16 activations
  std::vector<int64_t> wide_bias = {};  // the bias for int16 activations, which need more bits
};

// Quantizes `weights` along `axis` (its output channels); `bias` may be null; `input_scale` is that of the
// activations, whose codes are int8 or int16. A channel's scale is max|w| / 127, raised where the bias would
// not fit int32 (int16 activations: 2^51) otherwise. `given`: scales that the model brought along, one or one
// per channel of `axis`, taken as they are.
IntegerWeights quantize_weights(const Tensor& weights, int axis, const Tensor* bias, float input_scale,
                                DType codes = DType::i8, const QuantParams* given = nullptr);

// True when the accumulators of every channel cannot overflow: sum |w| * 255 + |bias - zx * sum w| < 2^31, or
// for int16 activations sum |w| * 32768 + |bias| < 2^53.
bool accumulator_fits(const IntegerWeights& weights, const Shape& shape, int axis, int32_t input_zero_point,
                      DType codes = DType::i8);

}  // namespace openhb::quantize
