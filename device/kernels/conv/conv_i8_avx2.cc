// SPDX-License-Identifier: Apache-2.0
// int8 Conv by vpmaddwd on sign-extended operands (vpmaddubsw saturates and would change bits).
#include <immintrin.h>

#include "device/kernels/conv/panel.h"
#include "device/kernels/conv/store_avx2.h"

namespace openhb::conv {
namespace {

// Accumulators of one pixel: [i] holds two partial sums for each of the outputs 4i .. 4i+3. Returns 8 sums.
__m256i join(__m256i a, __m256i b) { return _mm256_permute4x64_epi64(_mm256_hadd_epi32(a, b), 0xd8); }

struct Madd {
  using Tile = ConvTileI8;
  using Input = __m256i;
  struct Quarters {
    __m256i v[4];
  };
  using Weights = Quarters;
  using Acc = Quarters;
  using Room = NoLimit;
  static constexpr int kDepth = 4;
  static constexpr int kMr[] = {2};
  static_assert(sizeof(kMr) / sizeof(int) == kConvI8Avx2Nr && kMr[0] == kConvI8Avx2Mr);

  static Input broadcast(const int8_t* x) {
    int32_t bits;
    __builtin_memcpy(&bits, x, 4);
    return _mm256_cvtepi8_epi16(_mm_set1_epi32(bits));
  }
  [[gnu::always_inline]] static Weights load(const int8_t* w) {
    Weights wv;
    unroll<4>([&](auto i) __attribute__((always_inline)) {
      wv.v[i] = _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(w + i * 16)));
    });
    return wv;
  }
  [[gnu::always_inline]] static void multiply_add(Acc& acc, Input x, const Weights& w) {
    unroll<4>([&](auto i) __attribute__((always_inline)) {
      acc.v[i] = _mm256_add_epi32(acc.v[i], _mm256_madd_epi16(x, w.v[i]));
    });
  }

  template <int M, int N>
  [[gnu::always_inline]] static void start(const Tile&, Acc (&acc)[M][N]) {
    unroll<M * 4>([&](auto i)
                      __attribute__((always_inline)) { acc[i / 4][0].v[i % 4] = _mm256_setzero_si256(); });
  }
  template <int M, int N>
  [[gnu::always_inline]] static void finish(const Tile& t, int64_t pixel, Acc (&acc)[M][N], bool) {
    const __m256i bias_low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(t.bias));
    const __m256i bias_high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(t.bias + 8));
    unroll<M>([&](auto m) __attribute__((always_inline)) {
      const Acc& a = acc[m][0];
      store(t, static_cast<char*>(t.y) + (pixel + m) * t.y_pitch,
            _mm256_add_epi32(bias_low, join(a.v[0], a.v[1])),
            _mm256_add_epi32(bias_high, join(a.v[2], a.v[3])));
    });
  }
};

}  // namespace

void conv_i8_avx2(const ConvTileI8& tile) { run_panel<Madd>(tile); }

}  // namespace openhb::conv
