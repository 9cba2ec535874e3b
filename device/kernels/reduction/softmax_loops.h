// SPDX-License-Identifier: Apache-2.0
// Inner loops of Softmax.
#pragma once

#include <cstdint>

namespace openhb::kernels {

// Sequences done side by side at most.
inline constexpr int64_t kSoftmaxWidth = 64;

// Sequences this short are done side by side even where each of them is dense.
inline constexpr int64_t kSoftmaxShort = 16;

struct SoftmaxLoops {
  // One dense sequence; y may be x.
  void (*row)(const float* x, float* y, int64_t n, bool log);
  // `width` <= kSoftmaxWidth neighbouring sequences of n elements, x_stride and y_stride apart.
  void (*columns)(const float* x, float* y, int64_t width, int64_t n, int64_t x_stride, int64_t y_stride,
                  bool log);
  // `rows` dense sequences of n <= kSoftmaxShort elements, one behind the other; y may be x.
  void (*short_rows)(const float* x, float* y, int64_t rows, int64_t n, bool log);
};

}  // namespace openhb::kernels
