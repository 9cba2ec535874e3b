// SPDX-License-Identifier: Apache-2.0
// int16 Conv by vpmaddwd: int32 sums over as many lines as these hold, int64 beyond.
#include <immintrin.h>

#include "device/kernels/conv/panel.h"

namespace openhb::conv {
namespace {

struct Madd16 {
  using Tile = ConvTileI16;
  using Input = __m256i;
  struct Quarters {
    __m256i v[4];
  };
  using Weights = Quarters;
  using Acc = Quarters;  // [i]: two int32 partial sums for each of the outputs 4i .. 4i+3
  using Room = LineLimit<kMaxOffsets<int16_t>>;
  static constexpr int kDepth = 4;
  static constexpr int kMr[] = {2};
  static_assert(sizeof(kMr) / sizeof(int) == kConvI16Avx2Nr && kMr[0] == kConvI16Avx2Mr);

  static Input broadcast(const int16_t* x) {
    int64_t bits;
    __builtin_memcpy(&bits, x, 8);
    return _mm256_set1_epi64x(bits);
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
  [[gnu::always_inline]] static void finish(const Tile& t, int64_t pixel, Acc (&acc)[M][N], bool again) {
    unroll<M>([&](auto m) __attribute__((always_inline)) {
      auto* y = reinterpret_cast<int64_t*>(static_cast<char*>(t.y) + (pixel + m) * t.y_pitch);
      const int64_t* from = again ? y : t.bias;
      const auto add4 = [&](int at, __m128i sums) __attribute__((always_inline)) {
        const __m256i before = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + at));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(y + at),
                            _mm256_add_epi64(before, _mm256_cvtepi32_epi64(sums)));
      };
      unroll<2>([&](auto i) __attribute__((always_inline)) {
        const __m256i sums =
            _mm256_permute4x64_epi64(_mm256_hadd_epi32(acc[m][0].v[i * 2], acc[m][0].v[i * 2 + 1]), 0xd8);
        add4(i * 8, _mm256_castsi256_si128(sums));
        add4(i * 8 + 4, _mm256_extracti128_si256(sums, 1));
      });
    });
  }
};

}  // namespace

void conv_i16_avx2(const ConvTileI16& tile) { run_panel<Madd16>(tile); }

}  // namespace openhb::conv
