// SPDX-License-Identifier: Apache-2.0
// float32 Conv: one fused multiply-add per input channel in ascending order, 16 outputs per vector.
#include <immintrin.h>

#include "device/kernels/conv/panel.h"

namespace openhb::conv {
namespace {

struct Fma {
  using Tile = ConvTileF32;
  using Input = __m512;
  using Weights = __m512;
  using Acc = __m512;
  using Room = NoLimit;
  static constexpr int kDepth = 1;
  static constexpr int kMr[] = {12, 8, 8, 6};
  static_assert(sizeof(kMr) / sizeof(int) == kConvF32Avx512Nr && kMr[3] == kConvF32Avx512Mr);

  static Input broadcast(const float* x) { return _mm512_set1_ps(*x); }
  static Weights load(const float* w) { return _mm512_loadu_ps(w); }
  static void multiply_add(Acc& acc, Input x, Weights w) { acc = _mm512_fmadd_ps(x, w, acc); }

  template <int M, int N>
  [[gnu::always_inline]] static void start(const Tile& t, Acc (&acc)[M][N]) {
    unroll<N>([&](auto n) __attribute__((always_inline)) {
      const __m512 from = _mm512_loadu_ps(t.bias + n * 16);
      unroll<M>([&](auto m) __attribute__((always_inline)) { acc[m][n] = from; });
    });
  }
  template <int M, int N>
  [[gnu::always_inline]] static void finish(const Tile& t, int64_t pixel, Acc (&acc)[M][N], bool) {
    char* y = static_cast<char*>(t.y) + pixel * t.y_pitch;
    // Operand order: min and max return their second operand when the first is NaN or equal, as
    // v < lo ? lo : v does.
    const __m512 lo = _mm512_set1_ps(t.stage.lo), hi = _mm512_set1_ps(t.stage.hi);
    unroll<N>([&](auto n) __attribute__((always_inline)) {
      const int lanes = t.outputs - n * 16;
      const auto mask = static_cast<__mmask16>(lanes >= 16 ? 0xffff : (1 << lanes) - 1);
      unroll<M>([&](auto m) __attribute__((always_inline)) {
        _mm512_mask_storeu_ps(y + m * t.y_pitch + n * 64, mask,
                              _mm512_min_ps(hi, _mm512_max_ps(lo, acc[m][n])));
      });
    });
  }
};

}  // namespace

void conv_f32_avx512(const ConvTileF32& tile) { run_panel<Fma>(tile); }

}  // namespace openhb::conv
