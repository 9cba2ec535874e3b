// SPDX-License-Identifier: Apache-2.0
// Inner loops of Quantize, Dequantize and Image.
#pragma once

#include <cstdint>

#include "device/kernels/elementwise/plane.h"

namespace openhb::kernels {

struct QuantizeLoops {
  // y[i] = sat(rne(f32(x[i] / scale)) + zero)
  void (*quantize)(const float* x, int8_t* y, const Plane<2>& plane, float scale, int32_t zero);
  // y[i] = f32(f32(x[i] - zero) * scale), one scale or one per element
  void (*dequantize_i8)(const int8_t* x, float* y, const Plane<2>& plane, float scale, int32_t zero);
  void (*dequantize_i8_each)(const int8_t* x, float* y, int64_t n, const float* scale, const int32_t* zero);
  // y[i] = f32(f32(x[i]) * scale)
  void (*dequantize_i32)(const int32_t* x, float* y, int64_t n, float scale);
  void (*dequantize_i32_each)(const int32_t* x, float* y, int64_t n, const float* scale);
  // y[i] = x[i] - 128
  void (*image_i8)(const uint8_t* x, int8_t* y, int64_t n);
  void (*image_f32)(const uint8_t* x, float* y, int64_t n);
};

}  // namespace openhb::kernels
