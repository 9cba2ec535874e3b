// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/conv/pack.h"

#include "common/shape.h"

namespace openhb {
namespace {

// depth: input channels that lie together.
template <class T>
std::vector<T> pack_conv(std::span<const T> oihw, int64_t outputs, int64_t inputs, int64_t taps,
                         int64_t groups, int64_t depth) {
  if (groups < 1 || outputs % groups != 0 || num_elements({outputs, inputs, taps}) != std::ssize(oihw))
    fail(ErrorCode::internal, "{} weights given for {}x{}x{} in {} groups", oihw.size(), outputs, inputs,
         taps, groups);
  const int64_t each = outputs / groups, blocks = (each + 15) / 16, lines = (inputs + depth - 1) / depth;
  std::vector<T> packed(static_cast<size_t>(num_elements({groups, blocks, taps, lines, 16, depth})));
  for (int64_t o = 0; o < outputs; ++o) {
    const int64_t block = o / each * blocks + o % each / 16, lane = o % each % 16;
    for (int64_t c = 0; c < inputs; ++c)
      for (int64_t t = 0; t < taps; ++t)
        packed[static_cast<size_t>((((block * taps + t) * lines + c / depth) * 16 + lane) * depth +
                                   c % depth)] = oihw[static_cast<size_t>((o * inputs + c) * taps + t)];
  }
  return packed;
}

template <class T>
std::vector<T> pack_depthwise(std::span<const T> oihw, int64_t channels, int64_t taps) {
  if (num_elements({channels, taps}) != std::ssize(oihw))
    fail(ErrorCode::internal, "{} weights given for {} channels of {} taps", oihw.size(), channels, taps);
  const int64_t padded = (channels + 15) / 16 * 16;
  std::vector<T> packed(static_cast<size_t>(num_elements({taps, padded})));
  for (int64_t c = 0; c < channels; ++c)
    for (int64_t t = 0; t < taps; ++t)
      packed[static_cast<size_t>(t * padded + c)] = oihw[static_cast<size_t>(c * taps + t)];
  return packed;
}

}  // namespace

std::vector<int8_t> pack_conv_i8(std::span<const int8_t> oihw, int64_t outputs, int64_t group_inputs,
                                 int64_t kh, int64_t kw, int64_t groups) {
  return pack_conv(oihw, outputs, group_inputs, checked_mul(kh, kw), groups, 4);
}
std::vector<float> pack_conv_f32(std::span<const float> oihw, int64_t outputs, int64_t group_inputs,
                                 int64_t kh, int64_t kw, int64_t groups) {
  return pack_conv(oihw, outputs, group_inputs, checked_mul(kh, kw), groups, 1);
}
std::vector<int8_t> pack_depthwise_i8(std::span<const int8_t> oihw, int64_t channels, int64_t kh,
                                      int64_t kw) {
  return pack_depthwise(oihw, channels, checked_mul(kh, kw));
}
std::vector<float> pack_depthwise_f32(std::span<const float> oihw, int64_t channels, int64_t kh, int64_t kw) {
  return pack_depthwise(oihw, channels, checked_mul(kh, kw));
}

}  // namespace openhb
