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

// The neighbours of one output pixel: column i, row j.
template <class T>
struct Corners {
  const T *x11, *x21, *x12, *x22;
};

template <class T, class Op>
inline __attribute__((always_inline)) void blend_channels(const Weights& w, const Corners<T>& x, T* y,
                                                          int64_t n, const Op& op) {
  OPENHB_INDEPENDENT
  for (int64_t c = 0; c < n; ++c)
    y[c] = op.code(blend(w, op.real(x.x11[c]), op.real(x.x21[c]), op.real(x.x12[c]), op.real(x.x22[c])));
}

template <class T, class Op>
void linear_row(const T* x0, const T* x1, T* y, const ResizeRow& r, const Op& op) {
  constexpr int64_t kBlock = 16;  // few channels would leave most of a longer vector loop to its scalar rest
  for (int64_t j = 0; j < r.columns; ++j, y += r.y_pitch) {
    const int64_t lower = r.column[j] * r.x_pitch, upper = r.column[r.columns + j] * r.x_pitch;
    const float cw0 = r.column_weight[j], cw1 = r.column_weight[r.columns + j];
    const Weights w{cw0 * r.row_weight[0], cw1 * r.row_weight[0], cw0 * r.row_weight[1],
                    cw1 * r.row_weight[1]};
    Corners<T> x{x0 + lower, x0 + upper, x1 + lower, x1 + upper};
    int64_t c = 0;
    for (; c + kBlock <= r.channels; c += kBlock) {
      blend_channels(w, x, y + c, kBlock, op);
      x = {x.x11 + kBlock, x.x21 + kBlock, x.x12 + kBlock, x.x22 + kBlock};
    }
    if (c < r.channels) blend_channels(w, x, y + c, r.channels - c, op);
  }
}

struct PlainOp {
  static float real(float x) { return x; }
  static float code(float v) { return v; }
};
struct QuantOp {
  ResizeQuant q;
  float real(int8_t x) const { return static_cast<float>(x - q.x_zero) * q.x_scale; }
  int8_t code(float v) const { return quantize_code(v / q.y_scale, q.y_zero); }
};

struct Int16Op {
  ResizeQuant q;
  float real(int16_t x) const { return static_cast<float>(x) * q.x_scale; }
  int16_t code(float v) const {
    return static_cast<int16_t>(round_clamped(v / q.y_scale, -32768.0f, 32767.0f));
  }
};

void linear_i16(const int16_t* x0, const int16_t* x1, int16_t* y, const ResizeRow& r, const ResizeQuant& q) {
  linear_row(x0, x1, y, r, Int16Op{q});
}
void linear_f32(const float* x0, const float* x1, float* y, const ResizeRow& r) {
  linear_row(x0, x1, y, r, PlainOp{});
}
void linear_i8(const int8_t* x0, const int8_t* x1, int8_t* y, const ResizeRow& r, const ResizeQuant& q) {
  linear_row(x0, x1, y, r, QuantOp{q});
}

}  // namespace

namespace OPENHB_ISA {
extern const ResizeLoops kResizeLoops;
const ResizeLoops kResizeLoops = {linear_f32, linear_i8, linear_i16};
}  // namespace OPENHB_ISA

}  // namespace openhb::kernels
