// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/spatial/pool_loops.h"

#include "device/kernels/elementwise/loop.h"

namespace openhb::kernels {
namespace {

// Channels that are accumulated together, in registers while they last.
constexpr int64_t kBlock = 64;

// `n` channels of a window; a compile-time n keeps the accumulators in registers.
template <class Op, class T, class Y>
inline __attribute__((always_inline)) void pool_block(const T* x, Y* y, int64_t n, const PoolWindow& w,
                                                      const Op& op) {
  typename Op::Sum sum[kBlock];
  for (int64_t c = 0; c < n; ++c) sum[c] = op.first();
  for (int64_t i = 0; i < w.rows; ++i)
    for (int64_t j = 0; j < w.columns; ++j) {
      const T* pixel = x + i * w.row_step + j * w.column_step;
      for (int64_t c = 0; c < n; ++c) sum[c] = op.next(sum[c], pixel[c]);
    }
  for (int64_t c = 0; c < n; ++c) y[c] = op.last(sum[c]);
}

template <class Op, class T, class Y>
void pool_pixel(const T* x, Y* y, int64_t channels, const PoolWindow& w, const Op& op) {
  int64_t c = 0;
  for (; c + kBlock <= channels; c += kBlock) pool_block(x + c, y + c, kBlock, w, op);
  for (; c + 16 <= channels; c += 16) pool_block(x + c, y + c, 16, w, op);
  if (c < channels) pool_block(x + c, y + c, channels - c, w, op);
}

struct MaxI8 {
  using Sum = int8_t;
  static int8_t first() { return -128; }
  static int8_t next(int8_t s, int8_t x) { return s > x ? s : x; }
  static int8_t last(int8_t s) { return s; }
};

struct MaxI16 {
  using Sum = int16_t;
  static int16_t first() { return -32768; }
  static int16_t next(int16_t s, int16_t x) { return s > x ? s : x; }
  static int16_t last(int16_t s) { return s; }
};

struct MaxF32 {
  using Sum = float;
  static float first() { return -__builtin_huge_valf(); }
  static float next(float s, float x) { return ((s > x) | (s != s)) ? s : x; }
  static float last(float s) { return s; }
};

struct AverageI8 {
  using Sum = float;
  float count;
  PoolQuant q;
  static float first() { return 0.0f; }
  float next(float s, int8_t x) const {
    const float real = q.x_scale * static_cast<float>(x - q.x_zero);
    return s + real;
  }
  int8_t last(float s) const {
    const float mean = s / count;
    const float scaled = mean / q.y_scale;
    return static_cast<int8_t>(round_clamped(scaled + static_cast<float>(q.y_zero + 128), 0.0f, 255.0f) -
                               128);
  }
};

struct AverageF32 {
  using Sum = float;
  float count;
  static float first() { return 0.0f; }
  static float next(float s, float x) { return s + x; }
  float last(float s) const { return s / count; }
};

struct GlobalI8 {
  using Sum = int32_t;
  PoolQuant q;
  int32_t offset;  // n * x_zero
  static int32_t first() { return 0; }
  static int32_t next(int32_t s, int8_t x) { return s + x; }
  int8_t last(int32_t s) const {
    return quantize_code(static_cast<float>(s - offset) * q.multiplier, q.y_zero);
  }
};

// docs/numerics.md: the exact sum, times a multiplier in binary64.
template <class Y, int kLowest, int kHighest>
struct AverageI16 {
  using Sum = int64_t;
  double multiplier;
  int32_t zero;
  static int64_t first() { return 0; }
  static int64_t next(int64_t s, int16_t x) { return s + x; }
  Y last(int64_t s) const {
    const double least = kLowest - zero, most = kHighest - zero;
    double v = static_cast<double>(s) * multiplier;
    v = v > least ? v : least;  // NaN gives the lowest code
    v = v < most ? v : most;
    v += 0x1.8p52;  // rounds, and leaves the integer in the low bits
    return static_cast<Y>(static_cast<int32_t>(__builtin_bit_cast(int64_t, v)) + zero);
  }
};

void max_i16(const int16_t* x, int16_t* y, int64_t channels, const PoolWindow& w) {
  pool_pixel(x, y, channels, w, MaxI16{});
}
void average_i16(const int16_t* x, int16_t* y, int64_t channels, const PoolWindow& w, double multiplier) {
  pool_pixel(x, y, channels, w, AverageI16<int16_t, -32768, 32767>{multiplier, 0});
}
void average_i16_to_i8(const int16_t* x, int8_t* y, int64_t channels, const PoolWindow& w, double multiplier,
                       int32_t zero) {
  pool_pixel(x, y, channels, w, AverageI16<int8_t, -128, 127>{multiplier, zero});
}
void max_i8(const int8_t* x, int8_t* y, int64_t channels, const PoolWindow& w) {
  pool_pixel(x, y, channels, w, MaxI8{});
}
void max_f32(const float* x, float* y, int64_t channels, const PoolWindow& w) {
  pool_pixel(x, y, channels, w, MaxF32{});
}
void average_i8(const int8_t* x, int8_t* y, int64_t channels, const PoolWindow& w, float count,
                const PoolQuant& q) {
  pool_pixel(x, y, channels, w, AverageI8{count, q});
}
void average_f32(const float* x, float* y, int64_t channels, const PoolWindow& w, float count) {
  pool_pixel(x, y, channels, w, AverageF32{count});
}
void global_i8(const int8_t* x, int8_t* y, int64_t channels, const PoolWindow& w, const PoolQuant& q) {
  pool_pixel(x, y, channels, w, GlobalI8{q, static_cast<int32_t>(w.rows * w.columns) * q.x_zero});
}

}  // namespace

namespace OPENHB_ISA {
extern const PoolLoops kPoolLoops;
const PoolLoops kPoolLoops = {max_i8,    max_f32, average_i8,  average_f32,
                              global_i8, max_i16, average_i16, average_i16_to_i8};
}  // namespace OPENHB_ISA

}  // namespace openhb::kernels
