// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/elementwise/loop.h"
#include "device/kernels/elementwise/quantize_loops.h"

namespace openhb::kernels {
namespace {

// Functions of their own, as their loops vectorise badly where n is known.
__attribute__((noinline)) void quantize_row(const float* x, int8_t* y, int64_t n, float scale, int32_t zero) {
  OPENHB_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) y[i] = quantize_code(x[i] / scale, zero);
}
void quantize(const float* x, int8_t* y, const Plane<2>& p, float scale, int32_t zero) {
  run_plane(x, y, p,
            [&](const float* from, int8_t* to, int64_t n) { quantize_row(from, to, n, scale, zero); });
}

__attribute__((noinline)) void dequantize_row(const int8_t* x, float* y, int64_t n, float scale,
                                              int32_t zero) {
  OPENHB_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) y[i] = static_cast<float>(x[i] - zero) * scale;
}
void dequantize_i8(const int8_t* x, float* y, const Plane<2>& p, float scale, int32_t zero) {
  run_plane(x, y, p,
            [&](const int8_t* from, float* to, int64_t n) { dequantize_row(from, to, n, scale, zero); });
}

void dequantize_i8_each(const int8_t* x, float* y, int64_t n, const float* scale, const int32_t* zero) {
  OPENHB_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) y[i] = static_cast<float>(x[i] - zero[i]) * scale[i];
}

void dequantize_i32(const int32_t* x, float* y, int64_t n, float scale) {
  OPENHB_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) y[i] = static_cast<float>(x[i]) * scale;
}

void dequantize_i32_each(const int32_t* x, float* y, int64_t n, const float* scale) {
  OPENHB_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) y[i] = static_cast<float>(x[i]) * scale[i];
}

void image_i8(const uint8_t* x, int8_t* y, int64_t n) {
  OPENHB_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) y[i] = static_cast<int8_t>(x[i] - 128);
}

void image_f32(const uint8_t* x, float* y, int64_t n) {
  OPENHB_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) y[i] = static_cast<float>(x[i] - 128);
}

}  // namespace

namespace OPENHB_ISA {
extern const QuantizeLoops kQuantizeLoops;
const QuantizeLoops kQuantizeLoops = {
    quantize, dequantize_i8, dequantize_i8_each, dequantize_i32, dequantize_i32_each, image_i8, image_f32};
}  // namespace OPENHB_ISA

}  // namespace openhb::kernels
