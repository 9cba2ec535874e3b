// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/spatial/resize_loops.h"

#include "device/kernels/elementwise/loop.h"
#include "device/kernels/elementwise/plane.h"

namespace openhb::kernels {
namespace {

// w[column][row] and the order of the sum: docs/numerics.md "Resize".
struct Weights {
  float w11, w21, w12, w22;
};

// The neighbours of one output pixel: column i, row j.
template <class T>
struct Corners {
  const T *x11, *x21, *x12, *x22;
};

// N channels from c on.
template <int64_t N, class T, class Op>
OPENHB_INLINE Vector<T, N> blend(const Weights& w, const Corners<T>& x, int64_t c, const Op& op) {
  const auto product = [&](float weight, const T* from) {
    Vector<T, N> v;
    __builtin_memcpy(&v, from + c, sizeof v);
    return weight * op.template real<N>(v);
  };
  const Vector<float, N> first = product(w.w11, x.x11), second = product(w.w21, x.x21),
                         third = product(w.w12, x.x12), fourth = product(w.w22, x.x22);
  return op.template code<N>(((first + second) + third) + fourth);
}

template <class T, class Op>
void linear_row(const T* x0, const T* x1, T* y, const ResizeRow& row, const Op op) {
  const ResizeRow r = row;
  const int64_t rest = r.channels % 16, whole = r.channels - rest;
  for (int64_t j = 0; j < r.columns; ++j, y += r.y_pitch) {
    const int64_t lower = r.column[j] * r.x_pitch, upper = r.column[r.columns + j] * r.x_pitch;
    const float cw0 = r.column_weight[j], cw1 = r.column_weight[r.columns + j];
    const Weights w{cw0 * r.row_weight[0], cw1 * r.row_weight[0], cw0 * r.row_weight[1],
                    cw1 * r.row_weight[1]};
    const Corners<T> x{x0 + lower, x0 + upper, x1 + lower, x1 + upper};
    for (int64_t c = 0; c < whole; c += 16) {
      const auto results = blend<16>(w, x, c, op);
      __builtin_memcpy(y + c, &results, sizeof results);
    }
    // Loads reach up to 15 elements behind the pixel.
    const auto finish = [&]<int64_t N>() {
      const auto results = blend<N>(w, x, whole, op);
      if (rest == N)
        __builtin_memcpy(y + whole, &results, sizeof results);
      else
        copy_few(y + whole, &results, rest * static_cast<int64_t>(sizeof(T)));
    };
    if (rest > 8)
      finish.template operator()<16>();
    else if (rest > 4)
      finish.template operator()<8>();
    else if (rest > 0)
      finish.template operator()<4>();
  }
}

struct PlainOp {
  template <int64_t N>
  OPENHB_INLINE static Vector<float, N> real(const Vector<float, N>& x) {
    return x;
  }
  template <int64_t N>
  OPENHB_INLINE static Vector<float, N> code(const Vector<float, N>& v) {
    return v;
  }
};
struct QuantOp {
  ResizeQuant q;
  template <int64_t N>
  OPENHB_INLINE Vector<float, N> real(const Vector<int8_t, N>& x) const {
    const auto centred = __builtin_convertvector(x, Vector<int32_t, N>) - q.x_zero;
    return __builtin_convertvector(centred, Vector<float, N>) * q.x_scale;
  }
  template <int64_t N>
  OPENHB_INLINE Vector<int8_t, N> code(const Vector<float, N>& v) const {
    const auto zero = static_cast<float>(q.y_zero);
    const auto codes = round_clamped<N>(v / q.y_scale, -128.0f - zero, 127.0f - zero) + q.y_zero;
    return __builtin_convertvector(codes, Vector<int8_t, N>);
  }
};
struct Int16Op {
  ResizeQuant q;
  template <int64_t N>
  OPENHB_INLINE Vector<float, N> real(const Vector<int16_t, N>& x) const {
    return __builtin_convertvector(__builtin_convertvector(x, Vector<int32_t, N>), Vector<float, N>) *
           q.x_scale;
  }
  template <int64_t N>
  OPENHB_INLINE Vector<int16_t, N> code(const Vector<float, N>& v) const {
    return __builtin_convertvector(round_clamped<N>(v / q.y_scale, -32768.0f, 32767.0f), Vector<int16_t, N>);
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
