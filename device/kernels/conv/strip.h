// SPDX-License-Identifier: Apache-2.0
// What the outer loops of Depthwise hand to a kernel row that works on strips of input rows. Plain data only:
// ISA files include this.
#pragma once

#include "device/kernels/conv/tile.h"

namespace openhb::conv {

// int8 Depthwise by strips (aarch64): `columns` output pixels of some rows of an image, with at most
// kDepthwiseChunk channels. A unit is one output row, or two (where windows of neighbouring rows lie one
// input row apart); units share what they prepare.
struct DepthwiseStrip {
  const int8_t* const* rows;  // input rows, their pixels of column 0; null: a row of padding
  int64_t
      row_step;  // row i of the window (of the unit, if that has one more) of unit u: rows[u * row_step + i]
  const int8_t* padding;  // a pixel of padding
  const int8_t* weights;  // [kh][kw][weight_pitch]
  const int32_t* bias;
  const float* multiplier;       // int8 output only
  void* y;                       // first output pixel
  void* scratch;                 // 64-byte aligned; the weights in the kernel's own form, then the strip
  int64_t x_pitch;               // elements between input pixels
  int64_t width;                 // input pixels per row
  int64_t y_pitch, y_row_pitch;  // bytes between output pixels, between rows
  int64_t weight_pitch, channels;
  int64_t kh, kw, stride, dilation,
      left;                // across: tap j of column o lies at o * stride - left + j * dilation
  int64_t first, columns;  // output columns
  int64_t units;
  int32_t out_rows;  // per unit: 1 or 2
  bool pairs;        // other calls of this run may have two rows per unit
  bool fresh;        // first call for these channels: the scratch is not prepared
  bool bounded;      // int8 output, and no product of sum and multiplier is beyond +-2^14
  OutputStage stage;
};
inline constexpr int64_t kDepthwiseChunk = 64;  // a cache line
inline constexpr int64_t kDepthwiseStrip =
    128;  // columns of a strip (of all units), or the taps of one row if more

// In strip and weights, `rows` rows of the window with 8 channels are an entry of so many bytes.
struct StripKernel {
  void (*run)(const DepthwiseStrip&) = nullptr;
  int64_t rows = 1, bytes = 0;
};

void depthwise_i8_neon(const DepthwiseStrip& strip);
void depthwise_i8_dotprod(const DepthwiseStrip& strip);

}  // namespace openhb::conv
