// SPDX-License-Identifier: Apache-2.0
// What the outer loops hand to an inner kernel of Conv or Depthwise. Plain data only: ISA files include this.
#pragma once

#include <cstdint>

namespace openhb::conv {

// How accumulators become outputs. Float: lo <= y <= hi. int8: lo and hi are code bounds minus the zero
// point, applied before rounding (the same result as bounding the codes); a NaN product gives lo.
struct OutputStage {
  float lo, hi;
  int32_t zero_point;
  bool raw;             // int32 output: the accumulators as they are
  bool fits = false;    // every product converts to int32 (int8: all multipliers are below 1)
  bool fits16 = false;  // and no product is larger than 32000
};

// The type of the weights for activations of type T.
template <class T>
struct WeightOf {
  using Type = T;
};
template <>
struct WeightOf<int16_t> {
  using Type = int8_t;
};
template <class T>
using Weight = typename WeightOf<T>::Type;

// `pixels` consecutive output pixels times `outputs` consecutive output channels of one group.
// T: type of x, B: type of the bias (and of the accumulators). For int16 the output is raw, int64, unless
// `multiplier64` is given.
//
// Rows that take panels (ConvKernel::panels) may be given the lines of weights (4 input channels, float: 1)
// with the distance of their inputs from each pixel's first tap; then `rows` is [pixels], the first taps.
template <class T, class B>
struct ConvTile {
  using X = T;
  const T* const* rows;    // [taps][row_step]: the input pixel under every tap, or the padding buffer; there
                           // is one more readable row, of any pixels: kernels may load ahead
  int64_t row_step;        // the row's mr, unless it takes panels
  const int64_t* offsets;  // [lines]; panels only, otherwise nullptr
  int64_t lines;           // with offsets; at most kMaxOffsets
  const Weight<T>* weights;    // first block of 16 outputs; lines of 16 (float) or 16 x 4 (int8)
  const B* bias;               // for the first output; so are the next two
  const int32_t* sum128;       // int8 only
  const float* multiplier;     // int8 output only
  const double* multiplier64;  // int16: only for rows that store outputs themselves (ConvKernel::finishes)
  void* y;                     // first output channel of the first pixel
  int64_t y_pitch;             // bytes between output pixels
  int64_t y_size;              // bytes of an output
  int64_t x_offset;            // elements from rows[...] to the group's first channel
  int64_t weight_stride;       // elements between blocks of 16 outputs
  int64_t taps;
  int64_t channels;        // input channels per tap
  int32_t pixels;          // 1 .. mr; panels: any number
  int32_t outputs;         // 1 .. 16 * nr
  bool symmetric_weights;  // int8, if the row asks for it: no weight is -128
  OutputStage stage;
};

// `pixels` consecutive output pixels with all channels.
template <class T, class B>
struct DepthwiseTile {
  const T* const* rows;      // [pixels][row_stride]; entries up to taps rounded up to 4 are readable
  const Weight<T>* weights;  // [taps][weight_pitch]
  const B* bias;
  const int32_t* sum128;    // int8 only
  const float* multiplier;  // int8 output only
  void* y;
  void* scratch;    // 64-byte aligned, 64 bytes per tap (taps rounded up to 4), private to the part
  int64_t y_pitch;  // bytes between output pixels
  int64_t row_stride;
  int64_t weight_pitch;  // channels rounded up to 16
  int64_t taps;
  int64_t channels;
  int32_t pixels;
  OutputStage stage;
};

using ConvTileI8 = ConvTile<int8_t, int32_t>;
using ConvTileF32 = ConvTile<float, float>;
using ConvTileI16 = ConvTile<int16_t, int64_t>;
using DepthwiseTileI16 = DepthwiseTile<int16_t, int64_t>;
using DepthwiseTileI8 = DepthwiseTile<int8_t, int32_t>;
using DepthwiseTileF32 = DepthwiseTile<float, float>;

// Most entries of ConvTile::offsets. For int16: 127 lines of 4 products of at most 2^22 fit an int32.
template <class T>
inline constexpr int64_t kMaxOffsets = 255;
template <>
inline constexpr int64_t kMaxOffsets<int16_t> = 127;

// Tile sizes (pixels mr, blocks of 16 outputs nr) are the kernel's own and known to rows.cc.
inline constexpr int kConvI8RefMr = 1, kConvI8RefNr = 1;
inline constexpr int kConvF32RefMr = 1, kConvF32RefNr = 1;
inline constexpr int kConvI8Avx2Mr = 2, kConvI8Avx2Nr = 1;
inline constexpr int kConvF32Avx2Mr = 6, kConvF32Avx2Nr = 1;
inline constexpr int kConvI8Vnni256Mr = 6, kConvI8Vnni256Nr = 1;
inline constexpr int kConvI8VnniMr = 6, kConvI8VnniNr = 4;
inline constexpr int kConvF32Avx512Mr = 6, kConvF32Avx512Nr = 4;
inline constexpr int kConvI8NeonMr = 2, kConvI8NeonNr = 4;
inline constexpr int kConvI16RefMr = 1, kConvI16RefNr = 1;
inline constexpr int kConvI16Avx2Mr = 2, kConvI16Avx2Nr = 1;
inline constexpr int kConvI16VnniMr = 6, kConvI16VnniNr = 2;
inline constexpr int kConvI16NeonMr = 2, kConvI16NeonNr = 4;
// Lines of 4 products that an int32 lane can sum: 2 * 64 * 2^22 = 2^29.
inline constexpr int64_t kLinesInInt32 = 64;
inline constexpr int kConvF32NeonMr = 4, kConvF32NeonNr = 4;
inline constexpr int kConvI8DotprodMr = 4, kConvI8DotprodNr = 4;
inline constexpr int kConvI8I8mmMr = 8, kConvI8I8mmNr = 4;

void conv_i8_ref(const ConvTileI8& tile);
void conv_i8_avx2(const ConvTileI8& tile);
void conv_i8_avx512vnni(const ConvTileI8& tile);
namespace avxvnni {
void conv_i8_256(const ConvTileI8& tile);
}
namespace avx512vnni {
void conv_i8_256(const ConvTileI8& tile);
}
void conv_i8_neon(const ConvTileI8& tile);
void conv_i8_dotprod(const ConvTileI8& tile);
void conv_i8_i8mm(const ConvTileI8& tile);

void conv_i16_ref(const ConvTileI16& tile);
void conv_i16_avx2(const ConvTileI16& tile);
void conv_i16_avx512vnni(const ConvTileI16& tile);
void conv_i16_neon(const ConvTileI16& tile);

void conv_f32_ref(const ConvTileF32& tile);
void conv_f32_avx2(const ConvTileF32& tile);
void conv_f32_avx512(const ConvTileF32& tile);
void conv_f32_neon(const ConvTileF32& tile);

void depthwise_i8_ref(const DepthwiseTileI8& tile);

// Compiled for several levels (depthwise_i16.loops.cc).
namespace ref {
void depthwise_i16(const DepthwiseTileI16& tile);
}
namespace avx2 {
void depthwise_i16(const DepthwiseTileI16& tile);
}
namespace avx512 {
void depthwise_i16(const DepthwiseTileI16& tile);
}
namespace neon {
void depthwise_i16(const DepthwiseTileI16& tile);
}

void depthwise_f32_ref(const DepthwiseTileF32& tile);
void depthwise_f32_neon(const DepthwiseTileF32& tile);

}  // namespace openhb::conv
