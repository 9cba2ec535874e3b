// SPDX-License-Identifier: Apache-2.0
// int8 Conv by 256-bit vpdpbusd, for CPUs with AVX-VNNI but no AVX512. Compiled for AVX512-VNNI as well, the
// same instructions in another encoding: so it can be tested where only that is at hand.
#include <immintrin.h>

#include "device/kernels/conv/panel.h"
#include "device/kernels/conv/store_avx2.h"

namespace openhb::conv {
namespace {

struct Vnni256 {
  using Tile = ConvTileI8;
  using Input = __m256i;
  struct Pair {
    __m256i v[2];
  };
  using Weights = Pair;
  using Acc = Pair;
  using Room = NoLimit;
  static constexpr int kDepth = 4;
  static constexpr int kMr[] = {6};
  static_assert(sizeof(kMr) / sizeof(int) == kConvI8Vnni256Nr && kMr[0] == kConvI8Vnni256Mr);

  // Flipped to unsigned, which adds sum128 to the sum.
  static Input broadcast(const int8_t* x) {
    int32_t bits;
    __builtin_memcpy(&bits, x, 4);
    __m256i v = _mm256_set1_epi32(bits);
    asm(""
        : "+x"(v));  // or the compiler flips 4 bytes first, and the broadcast is no longer part of the load
    return _mm256_xor_si256(v, _mm256_set1_epi8(-128));
  }
  static Weights load(const void* p) {
    const auto* w = static_cast<const __m256i*>(p);
    return {{_mm256_loadu_si256(w), _mm256_loadu_si256(w + 1)}};
  }
  [[gnu::always_inline]] static void multiply_add(Acc& acc, Input x, const Weights& w) {
    unroll<2>([&](auto i) __attribute__((always_inline)) {
#if defined(__AVXVNNI__)
      acc.v[i] = _mm256_dpbusd_avx_epi32(acc.v[i], x, w.v[i]);
#else
      acc.v[i] = _mm256_dpbusd_epi32(acc.v[i], x, w.v[i]);
#endif
    });
  }

  template <int M, int N>
  [[gnu::always_inline]] static void start(const Tile& t, Acc (&acc)[M][N]) {
    const Pair bias = load(t.bias), sum128 = load(t.sum128);
    const Pair from{{_mm256_sub_epi32(bias.v[0], sum128.v[0]), _mm256_sub_epi32(bias.v[1], sum128.v[1])}};
    unroll<M>([&](auto m) __attribute__((always_inline)) { acc[m][0] = from; });
  }
  template <int M, int N>
  [[gnu::always_inline]] static void finish(const Tile& t, int64_t pixel, Acc (&acc)[M][N], bool) {
    unroll<M>([&](auto m) __attribute__((always_inline)) {
      store(t, static_cast<char*>(t.y) + (pixel + m) * t.y_pitch, acc[m][0].v[0], acc[m][0].v[1]);
    });
  }
};

}  // namespace

namespace OPENHB_ISA {
void conv_i8_256(const ConvTileI8& tile) { run_panel<Vnni256>(tile); }
}  // namespace OPENHB_ISA

}  // namespace openhb::conv
