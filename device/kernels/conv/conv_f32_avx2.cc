// SPDX-License-Identifier: Apache-2.0
// float32 Conv: one fused multiply-add per input channel in ascending order, two vectors for 16 outputs.
#include <immintrin.h>

#include "device/kernels/conv/panel.h"

namespace openhb::conv {
namespace {

struct Fma {
  using Tile = ConvTileF32;
  using Input = __m256;
  struct Pair {
    __m256 v[2];
  };
  using Weights = Pair;
  using Acc = Pair;
  using Room = NoLimit;
  static constexpr int kDepth = 1;
  static constexpr int kMr[] = {6};
  static_assert(sizeof(kMr) / sizeof(int) == kConvF32Avx2Nr && kMr[0] == kConvF32Avx2Mr);

  static Input broadcast(const float* x) { return _mm256_broadcast_ss(x); }
  static Weights load(const float* w) { return {{_mm256_loadu_ps(w), _mm256_loadu_ps(w + 8)}}; }
  [[gnu::always_inline]] static void multiply_add(Acc& acc, Input x, const Weights& w) {
    acc.v[0] = _mm256_fmadd_ps(x, w.v[0], acc.v[0]);
    acc.v[1] = _mm256_fmadd_ps(x, w.v[1], acc.v[1]);
  }

  template <int M, int N>
  [[gnu::always_inline]] static void start(const Tile& t, Acc (&acc)[M][N]) {
    const Weights from = load(t.bias);
    unroll<M>([&](auto m) __attribute__((always_inline)) { acc[m][0] = from; });
  }
  template <int M, int N>
  [[gnu::always_inline]] static void finish(const Tile& t, int64_t pixel, Acc (&acc)[M][N], bool) {
    // Operand order: min and max return their second operand when the first is NaN or equal, as
    // v < lo ? lo : v does.
    const __m256 lo = _mm256_set1_ps(t.stage.lo), hi = _mm256_set1_ps(t.stage.hi);
    unroll<M>([&](auto m) __attribute__((always_inline)) {
      char* y = static_cast<char*>(t.y) + (pixel + m) * t.y_pitch;
      alignas(32) float values[16];
      for (int i = 0; i < 2; ++i)
        _mm256_store_ps(values + i * 8, _mm256_min_ps(hi, _mm256_max_ps(lo, acc[m][0].v[i])));
      if (t.outputs == 16)
        __builtin_memcpy(y, values, sizeof(values));
      else
        __builtin_memcpy(y, values, static_cast<size_t>(t.outputs) * sizeof(float));
    });
  }
};

}  // namespace

void conv_f32_avx2(const ConvTileF32& tile) { run_panel<Fma>(tile); }

}  // namespace openhb::conv
