// SPDX-License-Identifier: Apache-2.0
// int8 Conv by smmla: the products of two pixels and two outputs over 8 inputs. Two lines of weights (16
// outputs x 4 inputs) are woven into registers of two outputs x 8 inputs, which serve up to 8 pixels.
#include "device/kernels/conv/neon_store.h"

namespace openhb::conv {
namespace {

[[gnu::always_inline]] inline int8x16_t combine(const int8_t* low, const int8_t* high) {
  return vcombine_s8(vld1_s8(low), vld1_s8(high));
}

// One or two lines (`second`: 64 or 0 bytes behind the first, or zeros) for 8 outputs and pairs of pixels.
template <int P>
[[gnu::always_inline]] inline void add_lines(int32x4_t (&acc)[P][4], const int8_t* const (&x)[2 * P],
                                             int64_t c, const int8_t* first, const int8_t* second) {
  int8x16_t w[4];
#pragma GCC unroll 2
  for (int v = 0; v < 2; ++v) {
    const int32x4_t a = vreinterpretq_s32_s8(vld1q_s8(first + v * 16)),
                    b = vreinterpretq_s32_s8(vld1q_s8(second + v * 16));
    w[v * 2] = vreinterpretq_s8_s32(vzip1q_s32(a, b));
    w[v * 2 + 1] = vreinterpretq_s8_s32(vzip2q_s32(a, b));
  }
#pragma GCC unroll 4
  for (int p = 0; p < P; ++p) {
    const int8x16_t xv = combine(x[p * 2] + c, x[p * 2 + 1] + c);
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) acc[p][i] = vmmlaq_s32(acc[p][i], xv, w[i]);
  }
}

// (At most) 8 outputs from `first` on for M pixels from `pixel` on, `tiles` times.
template <int M>
void run(const ConvTileI8& t, int64_t first, int64_t pixel, int64_t tiles, int64_t outputs) {
  constexpr int P = (M + 1) / 2;
  static constexpr int8_t kZeros[32] = {};
  const int64_t bytes = (t.channels + 3) / 4 * 4;  // of x per tap
  StoreI8<M, 2> store(t, first, pixel, outputs);
  for (; tiles > 0; --tiles, pixel += M) {
    int32x4_t acc[P][4];  // [i]: outputs 2i and 2i+1 of one pixel, then of the other
    for (int p = 0; p < P; ++p)
      for (int i = 0; i < 4; ++i) {
        const int32x2_t bias = vld1_s32(t.bias + first + i * 2);
        acc[p][i] = vcombine_s32(bias, bias);
      }
    const int8_t* w = t.weights + first / 16 * t.weight_stride + first % 16 * 4;
    for (int64_t tap = 0; tap < t.taps; ++tap) {
      const int8_t* x[2 * P];  // an odd pixel is its own partner
      for (int m = 0; m < 2 * P; ++m)
        x[m] = t.rows[tap * t.row_step + pixel + (m < M ? m : M - 1)] + t.x_offset;
      int64_t c = 0;
      for (; c + 8 <= bytes; c += 8, w += 128) add_lines<P>(acc, x, c, w, w + 64);
      if (c < bytes) add_lines<P>(acc, x, c, w, kZeros), w += 64;
    }
    int32x4_t sums[M][2];
#pragma GCC unroll 8
    for (int m = 0; m < M; ++m)
#pragma GCC unroll 2
      for (int v = 0; v < 2; ++v) {
        const int32x4_t a = acc[m / 2][v * 2], b = acc[m / 2][v * 2 + 1];
        sums[m][v] = m % 2 ? vcombine_s32(vget_high_s32(a), vget_high_s32(b))
                           : vcombine_s32(vget_low_s32(a), vget_low_s32(b));
      }
    store.run(sums);
  }
}

}  // namespace

void conv_i8_i8mm(const ConvTileI8& tile) {
  constexpr void (*kRun[])(const ConvTileI8&, int64_t, int64_t, int64_t, int64_t) = {
      run<8>, run<1>, run<2>, run<3>, run<4>, run<5>, run<6>, run<7>};
  const int64_t eights = tile.pixels / 8, rest = tile.pixels % 8;
  for (int64_t first = 0; first < tile.outputs; first += 8) {
    const int64_t outputs = tile.outputs - first < 8 ? tile.outputs - first : 8;
    if (eights > 0) kRun[0](tile, first, 0, eights, outputs);
    if (rest > 0) kRun[rest](tile, first, eights * 8, 1, outputs);
  }
}

}  // namespace openhb::conv
