// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/reduction/softmax_loops.h"

#include "common/math/functions.h"
#include "device/kernels/elementwise/loop.h"
#include "device/kernels/reduction/lanes.h"

namespace openhb::kernels {
namespace {

inline float exp(float x) { return math::unary_f32<UnaryFunction::exp>(x, 0, 0); }
inline float log(float x) { return math::unary_f32<UnaryFunction::log>(x, 0, 0); }

// A NaN is not looked for: it makes the sum NaN, whatever the maximum is.
inline float larger(float a, float b) { return a > b ? a : b; }

void row(const float* x, float* y, int64_t n, bool logarithm) {
  float lanes[kReduceLanes];
  for (float& l : lanes) l = -__builtin_huge_valf();
  fold_run<MaxOp>(lanes, x, n, 0);
  fold_lanes<MaxOp>(lanes, 1, 1);
  const float top = lanes[0];
  for (float& l : lanes) l = 0.0f;
  if (!logarithm) {
    OPENHB_INDEPENDENT
    for (int64_t i = 0; i < n; ++i) y[i] = exp(x[i] - top);
    fold_run<AddOp>(lanes, y, n, 0);
    fold_lanes<AddOp>(lanes, 1, 1);
    const float sum = lanes[0];
    OPENHB_INDEPENDENT
    for (int64_t i = 0; i < n; ++i) y[i] = y[i] / sum;
    return;
  }
  OPENHB_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) y[i] = x[i] - top;
  constexpr int64_t kBlock = 256;  // a multiple of the lanes
  float e[kBlock];
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    const int64_t count = begin + kBlock < n ? kBlock : n - begin;
    for (int64_t i = 0; i < count; ++i) e[i] = exp(y[begin + i]);
    fold_run<AddOp>(lanes, e, count, 0);
  }
  fold_lanes<AddOp>(lanes, 1, 1);
  const float log_sum = log(lanes[0]);
  OPENHB_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) y[i] = y[i] - log_sum;
}

void columns(const float* x, float* y, int64_t width, int64_t n, int64_t x_stride, int64_t y_stride,
             bool logarithm) {
  float top[kSoftmaxWidth], sums[kReduceLanes * kSoftmaxWidth], e[kSoftmaxWidth];
  for (int64_t c = 0; c < width; ++c) top[c] = -__builtin_huge_valf();
  for (int64_t i = 0; i < n; ++i)
    for (int64_t c = 0; c < width; ++c) top[c] = larger(top[c], x[i * x_stride + c]);
  // Of fewer elements than lanes, only the lanes that they reach count: zeros change no sum of powers.
  int64_t lanes = 1;
  while (lanes < n && lanes < kReduceLanes) lanes *= 2;
  for (int64_t c = 0; c < lanes * kSoftmaxWidth; ++c) sums[c] = 0.0f;
  for (int64_t i = 0; i < n; ++i) {
    const float* from = x + i * x_stride;
    float* to = y + i * y_stride;
    float* lane = sums + i % kReduceLanes * kSoftmaxWidth;
    OPENHB_INDEPENDENT
    for (int64_t c = 0; c < width; ++c) {
      const float d = from[c] - top[c];
      e[c] = exp(d);
      to[c] = logarithm ? d : e[c];
    }
    for (int64_t c = 0; c < width; ++c) lane[c] += e[c];
  }
  fold_lanes<AddOp>(sums, kSoftmaxWidth, width, lanes);
  if (logarithm)
    for (int64_t c = 0; c < width; ++c) e[c] = log(sums[c]);
  for (int64_t i = 0; i < n; ++i) {
    float* to = y + i * y_stride;
    OPENHB_INDEPENDENT
    for (int64_t c = 0; c < width; ++c) to[c] = logarithm ? to[c] - e[c] : to[c] / sums[c];
  }
}

// L elements of each sequence, turned around so that the loops run across the sequences.
template <int64_t L>
void short_rows_of(const float* x, float* y, int64_t rows, bool logarithm) {
  float in[L * kSoftmaxWidth], out[L * kSoftmaxWidth];
  for (; rows > 0; rows -= kSoftmaxWidth, x += L * kSoftmaxWidth, y += L * kSoftmaxWidth) {
    const int64_t count = rows < kSoftmaxWidth ? rows : kSoftmaxWidth;
    OPENHB_INDEPENDENT
    for (int64_t s = 0; s < count; ++s)
      for (int64_t k = 0; k < L; ++k) in[k * kSoftmaxWidth + s] = x[s * L + k];
    columns(in, out, count, L, kSoftmaxWidth, kSoftmaxWidth, logarithm);
    OPENHB_INDEPENDENT
    for (int64_t s = 0; s < count; ++s)
      for (int64_t k = 0; k < L; ++k) y[s * L + k] = out[k * kSoftmaxWidth + s];
  }
}

template <int64_t... L>
void short_rows_table(const float* x, float* y, int64_t rows, int64_t n, bool logarithm) {
  using Rows = void (*)(const float*, float*, int64_t, bool);
  constexpr Rows kRows[] = {short_rows_of<L>...};
  kRows[n - 1](x, y, rows, logarithm);
}
void short_rows(const float* x, float* y, int64_t rows, int64_t n, bool logarithm) {
  static_assert(kSoftmaxShort == 16);
  short_rows_table<1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16>(x, y, rows, n, logarithm);
}

}  // namespace

namespace OPENHB_ISA {
extern const SoftmaxLoops kSoftmaxLoops;
const SoftmaxLoops kSoftmaxLoops = {row, columns, short_rows};
}  // namespace OPENHB_ISA

}  // namespace openhb::kernels
