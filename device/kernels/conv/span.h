// SPDX-License-Identifier: Apache-2.0
// What the outer loops of Depthwise hand to a kernel row that works on runs of output pixels. Plain data
// only: ISA files include this.
//
// A lane is one channel of one pixel, four bytes of `Group` vertically neighbouring values (4 x 8, 2 x 16 or
// 1 x 32 bits), so that a dot product takes several window rows at once. The input rows under a run are first
// gathered into this form; there, padding is data like any other, and columns that a stride separates lie in
// planes of their own, so that the columns of a tap are neighbours for neighbouring outputs. Some output rows
// share what was gathered: their weights are shifted within the groups.
#pragma once

#include <cstdint>

namespace openhb::conv {

enum class SpanOutput : int32_t { codes8, codes16, sums, real };

template <class T, class B>
struct DepthwiseSpan {
  // Gathering; skipped without groups: then `taps` point to the input itself.
  int32_t groups;
  const T* const* rows;      // [groups][Group] first column inside the input, or the padding
  const int64_t* row_steps;  // elements between columns: a pitch, or 0 for padding
  const T* padding;          // a pixel of it
  const int64_t* planes;     // [stride] bytes to the plane of columns with this remainder; -1: not needed
  int32_t stride;            // between the columns of neighbouring outputs
  int32_t before, columns, after;  // columns left of, in and right of the input
  bool contiguous;                 // the columns of all rows are one piece
  bool swizzled;         // columns are four vectors v with channels 16 l + 4 v + (0..3) in 128-bit lane l
  int64_t column_width;  // lanes of a column
  char* scratch;
  int64_t column_bytes, group_bytes;  // between columns of a plane, between groups

  // Sums. A pixel has `width` lanes; few channels: several real pixels, `width` being a multiple of both the
  // channels and 64.
  const char* const* taps;  // [num_taps] the first pixel's lanes
  int64_t num_taps;
  int64_t x_step;                 // bytes between pixels
  int64_t row_taps, row_weights;  // for the next output row: entries of `taps`, taps of `weights` further on
  const char* weights;            // [num_taps][weight_lanes]
  int64_t weight_lanes;
  const B* bias;           // per lane, as is the next
  const void* multiplier;  // float; int16 activations: double
  int64_t width;           // lanes of a pixel
  int64_t valid;           // lanes that exist in every pixel
  int64_t pixels, rest;    // whole ones, lanes of one more
  int32_t out_rows;
  char* const* y;  // [out_rows]
  int64_t y_step;  // bytes between pixels
  float lo, hi;    // as in OutputStage
  int32_t zero_point;
  bool fits;  // as there, for int16
  SpanOutput output;
};

using DepthwiseSpanI8 = DepthwiseSpan<int8_t, int32_t>;
using DepthwiseSpanF32 = DepthwiseSpan<float, float>;
using DepthwiseSpanI16 = DepthwiseSpan<int16_t, int64_t>;

// flips: the kernel takes x as x + 128.
template <class T, class B>
struct SpanKernel {
  void (*run)(const DepthwiseSpan<T, B>&) = nullptr;
  int group = 1;
  bool flips = false;
  bool swizzles = false;  // knows swizzled columns
};

void depthwise_span_i8_avx2(const DepthwiseSpanI8& span);
void depthwise_span_i8_avx512vnni(const DepthwiseSpanI8& span);
void depthwise_span_f32_avx2(const DepthwiseSpanF32& span);
void depthwise_span_f32_avx512(const DepthwiseSpanF32& span);
void depthwise_span_i16_avx2(const DepthwiseSpanI16& span);
namespace avx512 {
void depthwise_span_i16(const DepthwiseSpanI16& span);
}
namespace avx512vnni {
void depthwise_span_i16(const DepthwiseSpanI16& span);
}

}  // namespace openhb::conv
