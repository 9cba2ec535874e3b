// SPDX-License-Identifier: Apache-2.0
// ONNX weights to the layouts of Conv and Depthwise steps (common/steps/params.h). For the compiler.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/error.h"

namespace openhb {

// Weights [O, Cg, kh, kw] of `groups` groups to [groups, ceil(Og/16), kh*kw, ceil(Cg/4), 16, 4].
std::vector<int8_t> pack_conv_i8(std::span<const int8_t> oihw, int64_t outputs, int64_t group_inputs,
                                 int64_t kh, int64_t kw, int64_t groups);
// Weights [O, Cg, kh, kw] to [groups, ceil(Og/16), kh*kw, Cg, 16].
std::vector<float> pack_conv_f32(std::span<const float> oihw, int64_t outputs, int64_t group_inputs,
                                 int64_t kh, int64_t kw, int64_t groups);
// Weights [C, 1, kh, kw] to [kh*kw, C rounded up to 16].
std::vector<int8_t> pack_depthwise_i8(std::span<const int8_t> oihw, int64_t channels, int64_t kh, int64_t kw);
std::vector<float> pack_depthwise_f32(std::span<const float> oihw, int64_t channels, int64_t kh, int64_t kw);

// One value per output channel, padded with zeros per group to a multiple of 16.
template <class T>
std::vector<T> pack_channels(std::span<const T> values, int64_t outputs, int64_t groups) {
  if (groups < 1 || outputs < 0 || outputs % groups != 0 || std::ssize(values) != outputs)
    fail(ErrorCode::internal, "{} values given for {} channels in {} groups", values.size(), outputs, groups);
  const int64_t each = outputs / groups, padded = (each + 15) / 16 * 16;
  std::vector<T> packed(static_cast<size_t>(groups * padded));
  for (int64_t o = 0; o < outputs; ++o)
    packed[static_cast<size_t>(o / each * padded + o % each)] = values[static_cast<size_t>(o)];
  return packed;
}

}  // namespace openhb
