// SPDX-License-Identifier: Apache-2.0
// The output stage in portable C++: the definition that every kernel row must equal. Not for ISA files.
#pragma once

#include <cmath>

#include "device/kernels/conv/tile.h"

namespace openhb::conv {

template <class Y = int8_t>
Y requantize(int32_t acc, float multiplier, const OutputStage& stage) {
  float v = static_cast<float>(acc) * multiplier;
  v = v > stage.lo ? v : stage.lo;  // NaN gives lo
  v = v < stage.hi ? v : stage.hi;
  return static_cast<Y>(static_cast<int32_t>(std::lrint(v)) + stage.zero_point);
}

// For int16 activations: in binary64.
template <class Y>
Y requantize(int64_t acc, double multiplier, const OutputStage& stage) {
  double v = static_cast<double>(acc) * multiplier;
  v = v > double{stage.lo} ? v : double{stage.lo};
  v = v < double{stage.hi} ? v : double{stage.hi};
  return static_cast<Y>(static_cast<int32_t>(std::lrint(v)) + stage.zero_point);
}

// NaN passes.
inline float clamp(float v, const OutputStage& stage) {
  return v < stage.lo ? stage.lo : (v > stage.hi ? stage.hi : v);
}

// a + x * w modulo 2^32: compiled programs never wrap, damaged files may.
inline int32_t multiply_add(int32_t a, int8_t x, int8_t w) {
  return static_cast<int32_t>(static_cast<uint32_t>(a) + static_cast<uint32_t>(int32_t{x} * int32_t{w}));
}

inline int64_t multiply_add(int64_t a, int16_t x, int8_t w) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(int64_t{x} * int64_t{w}));
}

inline float multiply_add(float a, float x, float w) { return std::fma(x, w, a); }

// Output `o` of a pixel.
inline void store(void* y, int64_t o, int32_t acc, const float* multiplier, const OutputStage& stage) {
  if (stage.raw)
    static_cast<int32_t*>(y)[o] = acc;
  else
    static_cast<int8_t*>(y)[o] = requantize(acc, multiplier[o], stage);
}
inline void store(void* y, int64_t o, int64_t acc, const float*, const OutputStage&) {
  static_cast<int64_t*>(y)[o] = acc;
}
inline void store(void* y, int64_t o, float acc, const float*, const OutputStage& stage) {
  static_cast<float*>(y)[o] = clamp(acc, stage);
}

}  // namespace openhb::conv
