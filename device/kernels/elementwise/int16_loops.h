// SPDX-License-Identifier: Apache-2.0
// Inner loops of the element-wise steps with int16 codes.
#pragma once

#include <cstdint>

#include "device/kernels/elementwise/binary_loops.h"

namespace openhb::kernels {

struct RequantizeConstants {
  float from_scale, to_scale;
  int32_t from_zero, to_zero;
};

// Arrays of two: for int16 and for int8 outputs.
struct Int16Loops {
  BinaryRow binary[2][kBinaryFunctions][kBinaryForms];
  // y[i] = sat(rne(f32(x[i] / scale)))
  void (*quantize)(const float* x, int16_t* y, int64_t n, float scale);
  // y[i] = f32(f32(x[i]) * scale)
  void (*dequantize)(const int16_t* x, float* y, int64_t n, float scale);
  void (*requantize_i16[2])(const int16_t* x, void* y, int64_t n, const RequantizeConstants& c);
  void (*requantize_i8[2])(const int8_t* x, void* y, int64_t n, const RequantizeConstants& c);
  // y[i] = table[x[i] + 128]
  void (*look_up)(const int8_t* x, int16_t* y, int64_t n, const int16_t* table);
  // y[i] = min(max(x[i], lo), hi)
  void (*bound)(const int16_t* x, int16_t* y, int64_t n, int16_t lo, int16_t hi);
  // Interpolation between entries that lie 2^shift codes apart, docs/numerics.md "Lut".
  void (*interpolate[2])(const int16_t* x, void* y, int64_t n, const int32_t* table, int shift);
};

}  // namespace openhb::kernels
