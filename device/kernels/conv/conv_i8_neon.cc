// SPDX-License-Identifier: Apache-2.0
// int8 Conv without dot product instructions: products of 16 bits are added pairwise to sums of 32. Where no
// weight is -128, two products fit in 16 bits: |128 * 127 * 2| < 2^15.
#include "device/kernels/conv/neon_store.h"

namespace openhb::conv {
namespace {

// In halves of a register, which small in-order cores load beside other work.
[[gnu::always_inline]] inline int8x8_t load(const int8_t* p) {
  int8x8_t v;
  asm volatile("ldr %d0, [%1]" : "=w"(v) : "r"(p));
  return v;
}
[[gnu::always_inline]] inline int8x8_t broadcast4(const int8_t* p) {
  int8x8_t v;
  asm volatile("ld1r {%0.2s}, [%1]" : "=w"(v) : "r"(p));
  return v;
}

// kPairs: two lines at once, without -128.
template <int M, bool kPairs>
[[gnu::always_inline]] inline void add_lines(int32x4_t (&acc)[M][8], const int8_t* const (&x)[M], int64_t c,
                                             const int8_t* w) {
  int8x8_t x0[M], x1[M];
#pragma GCC unroll 2
  for (int m = 0; m < M; ++m) {
    x0[m] = broadcast4(x[m] + c);
    x1[m] = kPairs ? broadcast4(x[m] + c + 4) : x0[m];
  }
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) {
    const int8x8_t w0 = load(w + i * 8), w1 = kPairs ? load(w + i * 8 + 64) : w0;
#pragma GCC unroll 2
    for (int m = 0; m < M; ++m) {
      int16x8_t products = vmull_s8(w0, x0[m]);
      if constexpr (kPairs) products = vmlal_s8(products, w1, x1[m]);
      acc[m][i] = vpadalq_s16(acc[m][i], products);
    }
  }
}

template <int M>
void run(const ConvTileI8& t, int64_t block, int64_t pixel, int64_t tiles, int64_t outputs) {
  const int64_t bytes = (t.channels + 3) / 4 * 4;  // of x per tap
  StoreI8<M, 4> store(t, block * 16, pixel, outputs);
  for (; tiles > 0; --tiles, pixel += M) {
    int32x4_t acc[M][8];  // [i]: two partial sums for each of the outputs 2i and 2i+1
    for (int m = 0; m < M; ++m)
      for (int i = 0; i < 8; ++i) acc[m][i] = vdupq_n_s32(0);
    const int8_t* w = t.weights + block * t.weight_stride;
    for (int64_t tap = 0; tap < t.taps; ++tap) {
      const int8_t* x[M];
      for (int m = 0; m < M; ++m) x[m] = t.rows[tap * t.row_step + pixel + m] + t.x_offset;
      int64_t c = 0;
      if (t.symmetric_weights)
        for (; c + 8 <= bytes; c += 8, w += 128) add_lines<M, true>(acc, x, c, w);
      for (; c < bytes; c += 4, w += 64) add_lines<M, false>(acc, x, c, w);
    }
    int32x4_t sums[M][4];
    for (int m = 0; m < M; ++m)
      for (int i = 0; i < 4; ++i)
        sums[m][i] =
            vaddq_s32(vld1q_s32(t.bias + block * 16 + i * 4), vpaddq_s32(acc[m][i * 2], acc[m][i * 2 + 1]));
    store.run(sums);
  }
}

}  // namespace

void conv_i8_neon(const ConvTileI8& tile) {
  for (int64_t block = 0, left = tile.outputs; left > 0; ++block, left -= 16) {
    const int64_t outputs = left < 16 ? left : 16;
    run<2>(tile, block, 0, tile.pixels / 2, outputs);
    if (tile.pixels % 2) run<1>(tile, block, tile.pixels - 1, 1, outputs);
  }
}

}  // namespace openhb::conv
