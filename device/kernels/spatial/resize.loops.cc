// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/spatial/resize_loops.h"

#include "device/kernels/elementwise/loop.h"

namespace openhb::kernels {
namespace {

// w[column][row] and the order of the sum: docs/numerics.md "Resize".
struct Weights {
  float w11, w21, w12, w22;
};
inline float blend(const Weights& w, float x11, float x21, float x12, float x22) {
  const float a = w.w11 * x11, b = w.w21 * x21, c = w.w12 * x12, d = w.w22 * x22;
  return ((a + b) + c) + d;
}

template <class T, class F>
inline __attribute__((always_inline)) void for_pixels(const T* x0, const T* x1, T* y, const ResizeRow& r,
                                                      const F& pixel) {
  for (int64_t j = 0; j < r.columns; ++j, y += r.y_pitch) {
    const int64_t lower = r.column[j] * r.x_pitch, upper = r.column[r.columns + j] * r.x_pitch;
    const float cw0 = r.column_weight[j], cw1 = r.column_weight[r.columns + j];
    const Weights w{cw0 * r.row_weight[0], cw1 * r.row_weight[0], cw0 * r.row_weight[1],
                    cw1 * r.row_weight[1]};
    pixel(w, x0 + lower, x0 + upper, x1 + lower, x1 + upper, y);
  }
}

void linear_f32(const float* x0, const float* x1, float* y, const ResizeRow& r) {
  const int64_t n = r.channels;
  for_pixels(x0, x1, y, r,
             [n](const Weights& w, const float* x11, const float* x21, const float* x12, const float* x22,
                 float* to) {
               OPENHB_INDEPENDENT
               for (int64_t c = 0; c < n; ++c) to[c] = blend(w, x11[c], x21[c], x12[c], x22[c]);
             });
}

void linear_i8(const int8_t* x0, const int8_t* x1, int8_t* y, const ResizeRow& r, const ResizeQuant& quant) {
  const int64_t n = r.channels;
  const ResizeQuant q = quant;
  for_pixels(x0, x1, y, r,
             [n, q](const Weights& w, const int8_t* x11, const int8_t* x21, const int8_t* x12,
                    const int8_t* x22, int8_t* to) {
               const auto real = [q](int8_t code) { return static_cast<float>(code - q.x_zero) * q.x_scale; };
               OPENHB_INDEPENDENT
               for (int64_t c = 0; c < n; ++c) {
                 const float v = blend(w, real(x11[c]), real(x21[c]), real(x12[c]), real(x22[c]));
                 to[c] = quantize_code(v / q.y_scale, q.y_zero);
               }
             });
}

}  // namespace

namespace OPENHB_ISA {
extern const ResizeLoops kResizeLoops;
const ResizeLoops kResizeLoops = {linear_f32, linear_i8};
}  // namespace OPENHB_ISA

}  // namespace openhb::kernels
