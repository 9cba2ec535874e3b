// SPDX-License-Identifier: Apache-2.0
// What the outer loops of Depthwise hand to a kernel row that works on strips of input rows. Plain data only:
// ISA files include this.
#pragma once

#include "device/kernels/conv/tile.h"

namespace openhb::conv {

// int8 Depthwise by strips (aarch64): `columns` output pixels of one row of an image, or of two rows (where
// windows of neighbouring rows lie one input row apart), with at most kDepthwiseChunk channels.
struct DepthwiseStrip {
  const int8_t* const* rows;  // kh + out_rows - 1 input rows: the pixel of column 0; null: a row of padding
  const int8_t* padding;      // a pixel of padding
  const int8_t* weights;      // [kh][kw][weight_pitch]
  const int32_t* bias;
  const float* multiplier;       // int8 output only
  void* y;                       // first output pixel
  void* scratch;                 // 64-byte aligned; the weights in the kernel's own form, then the strip
  int64_t x_pitch;               // elements between input pixels
  int64_t width;                 // input pixels per row
  int64_t y_pitch, y_row_pitch;  // bytes between output pixels, between the two rows
  int64_t weight_pitch, channels;
  int64_t kh, kw, stride, dilation,
      left;                // across: tap j of column o lies at o * stride - left + j * dilation
  int64_t first, columns;  // output columns
  int32_t out_rows;        // 1 or 2
  bool pairs;              // other calls of this run may have two rows
  bool fresh;              // first call for these channels: the scratch is not prepared
  bool finite;             // int8 output, and no multiplier is infinite or NaN
  OutputStage stage;
};
inline constexpr int64_t kDepthwiseChunk = 64;   // a cache line
inline constexpr int64_t kDepthwiseStrip = 128;  // columns of a strip, or the taps of one row if more

// In strip and weights, `rows` rows of the window with 8 channels are an entry of so many bytes.
struct StripKernel {
  void (*run)(const DepthwiseStrip&) = nullptr;
  int64_t rows = 1, bytes = 0;
};

void depthwise_i8_neon(const DepthwiseStrip& strip);
void depthwise_i8_dotprod(const DepthwiseStrip& strip);

}  // namespace openhb::conv
