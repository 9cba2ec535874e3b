// SPDX-License-Identifier: Apache-2.0
// Inner loops of Resize linear: one output row.
#pragma once

#include <cstdint>

namespace openhb::kernels {

struct ResizeQuant {
  float x_scale, y_scale;
  int32_t x_zero, y_zero;
};

// Tables hold the lower neighbours and, `columns` entries later, the upper ones.
struct ResizeRow {
  int64_t columns, channels, x_pitch, y_pitch;
  const int32_t* column;
  const float* column_weight;
  float row_weight[2];
};

struct ResizeLoops {
  // x0, x1: the lower and the upper input row.
  void (*linear_f32)(const float* x0, const float* x1, float* y, const ResizeRow& r);
  void (*linear_i8)(const int8_t* x0, const int8_t* x1, int8_t* y, const ResizeRow& r, const ResizeQuant& q);
  void (*linear_i16)(const int16_t* x0, const int16_t* x1, int16_t* y, const ResizeRow& r,
                     const ResizeQuant& q);
};

}  // namespace openhb::kernels
