// SPDX-License-Identifier: Apache-2.0
// Inner loops of Pool: one output pixel, all channels.
#pragma once

#include <cstdint>

namespace openhb::kernels {

// The valid positions of a window: rows x columns pixels; steps in elements.
struct PoolWindow {
  int64_t rows, columns, row_step, column_step;
};

// Constants of the int8 averages, docs/numerics.md "Pool".
struct PoolQuant {
  float x_scale, y_scale, multiplier;
  int32_t x_zero, y_zero;
};

struct PoolLoops {
  void (*max_i8)(const int8_t* x, int8_t* y, int64_t channels, const PoolWindow& w);
  void (*max_f32)(const float* x, float* y, int64_t channels, const PoolWindow& w);
  void (*average_i8)(const int8_t* x, int8_t* y, int64_t channels, const PoolWindow& w, float count,
                     const PoolQuant& q);
  void (*average_f32)(const float* x, float* y, int64_t channels, const PoolWindow& w, float count);
  void (*global_i8)(const int8_t* x, int8_t* y, int64_t channels, const PoolWindow& w, const PoolQuant& q);
  void (*max_i16)(const int16_t* x, int16_t* y, int64_t channels, const PoolWindow& w);
  void (*average_i16)(const int16_t* x, int16_t* y, int64_t channels, const PoolWindow& w, double multiplier);
  void (*average_i16_to_i8)(const int16_t* x, int8_t* y, int64_t channels, const PoolWindow& w,
                            double multiplier, int32_t zero);
};

}  // namespace openhb::kernels
