// SPDX-License-Identifier: Apache-2.0
// Inner loops of Pool: one row of output pixels.
#pragma once

#include <cstdint>

namespace openhb::kernels {

// The valid columns of an output pixel's window: the element where the first begins, and how many.
struct PoolColumns {
  int64_t first, count;
};

// A row of output pixels; steps in elements. The windows have `rows` valid rows.
struct PoolRow {
  const PoolColumns* columns;  // of each output pixel
  int64_t pixels, channels, y_step, rows, row_step, column_step;
  int64_t positions;  // what averages divide by; 0: the valid positions
};

// Constants of the int8 averages, docs/numerics.md "Pool".
struct PoolQuant {
  float x_scale, y_scale, multiplier;
  int32_t x_zero, y_zero;
};

// x: the first valid row. Loads reach up to 15 elements behind a pixel.
struct PoolLoops {
  void (*max_i8)(const int8_t* x, int8_t* y, const PoolRow& r);
  void (*max_f32)(const float* x, float* y, const PoolRow& r);
  void (*average_i8)(const int8_t* x, int8_t* y, const PoolRow& r, const PoolQuant& q);
  void (*average_f32)(const float* x, float* y, const PoolRow& r);
  void (*global_i8)(const int8_t* x, int8_t* y, const PoolRow& r, const PoolQuant& q);
  void (*max_i16)(const int16_t* x, int16_t* y, const PoolRow& r);
  void (*average_i16)(const int16_t* x, int16_t* y, const PoolRow& r, const PoolQuant& q);
  void (*average_i16_to_i8)(const int16_t* x, int8_t* y, const PoolRow& r, const PoolQuant& q);
};

}  // namespace openhb::kernels
