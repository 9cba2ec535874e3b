// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/elementwise/loop.h"
#include "device/kernels/elementwise/quantize_loops.h"

namespace openhb::kernels {
namespace {

void quantize(const float* x, int8_t* y, int64_t n, float scale, int32_t zero) {
  OPENHB_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) y[i] = quantize_code(x[i] / scale, zero);
}

void dequantize_i8(const int8_t* x, float* y, int64_t n, float scale, int32_t zero) {
  OPENHB_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) y[i] = static_cast<float>(x[i] - zero) * scale;
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
