// SPDX-License-Identifier: Apache-2.0
// Inner loops of Softmax.
#pragma once

#include <cstdint>

namespace openhb::kernels {

// Sequences done side by side at most.
inline constexpr int64_t kSoftmaxWidth = 64;

struct SoftmaxLoops {
  // One dense sequence; y may be x.
  void (*row)(const float* x, float* y, int64_t n, bool log);
  // `width` <= kSoftmaxWidth neighbouring sequences of n elements, x_stride and y_stride apart.
  void (*columns)(const float* x, float* y, int64_t width, int64_t n, int64_t x_stride, int64_t y_stride,
                  bool log);
};

}  // namespace openhb::kernels
