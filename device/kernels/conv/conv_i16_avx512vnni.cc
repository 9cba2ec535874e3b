// SPDX-License-Identifier: Apache-2.0
// int16 Conv by vpdpwssd: int32 sums over as many lines as these hold, int64 beyond. Where int32 holds all of
// them, the row stores the outputs themselves.
#include <immintrin.h>

#include "device/kernels/conv/panel.h"
#include "device/kernels/conv/store_i16_avx512.h"

namespace openhb::conv {
namespace {

struct Vnni16 {
  using Tile = ConvTileI16;
  using Input = __m512i;
  struct Pair {  // the first and the last 8 outputs of a block
    __m512i v[2];
  };
  using Weights = Pair;
  using Acc = Pair;             // each 64-bit lane holds two int32 partial sums of one output
  using Room = LineLimit<255>;  // two products each: 255 * 2^23 is below 2^31
  static constexpr int kDepth = 4;
  static constexpr bool kHalves = true;
  static constexpr int kMr[] = {8, 6};
  static_assert(sizeof(kMr) / sizeof(int) == kConvI16VnniNr && kMr[1] == kConvI16VnniMr);

  static Input broadcast(const int16_t* x) {
    int64_t bits;
    __builtin_memcpy(&bits, x, 8);
    return _mm512_set1_epi64(bits);
  }
  static Weights load(const int8_t* w) {
    return {{_mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(w))),
             _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(w + 32)))}};
  }
  static Input broadcast(const int16_t* x, Half) { return broadcast(x); }
  static Weights load(const int8_t* w, Half) {
    const __m512i first = _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(w)));
    return {{first, first}};
  }
  [[gnu::always_inline]] static void multiply_add(Acc& acc, Input x, const Weights& w, Half) {
    acc.v[0] = _mm512_dpwssd_epi32(acc.v[0], x, w.v[0]);
  }
  [[gnu::always_inline]] static void multiply_add(Acc& acc, Input x, const Weights& w) {
    acc.v[0] = _mm512_dpwssd_epi32(acc.v[0], x, w.v[0]);
    acc.v[1] = _mm512_dpwssd_epi32(acc.v[1], x, w.v[1]);
  }

  template <int M, int N>
  [[gnu::always_inline]] static void start(const Tile&, Acc (&acc)[M][N]) {
    unroll<M * N>([&](auto i) __attribute__((always_inline)) {
      acc[i / N][i % N].v[0] = acc[i / N][i % N].v[1] = _mm512_setzero_si512();
    });
  }
  template <int M, int N>
  [[gnu::always_inline]] static void finish(const Tile& t, int64_t pixel, Acc (&acc)[M][N], bool again) {
    unroll<M>([&](auto m) __attribute__((always_inline)) {
      auto* y = reinterpret_cast<int64_t*>(static_cast<char*>(t.y) + (pixel + m) * t.y_pitch);
      const int64_t* from = again ? y : t.bias;
      unroll<N * 2>([&](auto i) __attribute__((always_inline)) {
        const __m512i sums = acc[m][i / 2].v[i % 2];
        const __m512i low = _mm512_srai_epi64(_mm512_slli_epi64(sums, 32), 32);
        const __m512i both = _mm512_add_epi64(low, _mm512_srai_epi64(sums, 32));
        _mm512_storeu_si512(y + i * 8, _mm512_add_epi64(_mm512_loadu_si512(from + i * 8), both));
      });
    });
  }
};

struct Vnni16Codes : Vnni16 {
  using Room = NoLimit;

  template <int M, int N>
  [[gnu::always_inline]] static void finish(const Tile& t, int64_t pixel, Acc (&acc)[M][N], bool) {
    const Output output(t.stage.lo, t.stage.hi, t.stage.zero_point, t.stage.fits, t.y_size);
    const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const auto join = [&](__m512i a, __m512i b)
                          __attribute__((always_inline)) { return _mm512_permutex2var_epi32(a, even, b); };
    const auto sum = [](__m512i v) __attribute__((always_inline)) {
      return _mm512_add_epi32(v, _mm512_srli_epi64(v, 32));
    };
    char* y = static_cast<char*>(t.y) + pixel * t.y_pitch;
    unroll<N>([&](auto n) __attribute__((always_inline)) {
      Factors factors;
      unroll<2>([&](auto i) __attribute__((always_inline)) {
        const int64_t at = n * 16 + i * 8;
        factors.from[i] = Factors::to_subtract(_mm512_loadu_si512(t.bias + at));
        factors.multiplier[i] = _mm512_loadu_pd(t.multiplier64 + at);
      });
      const int count = t.outputs - n * 16;
      const auto mask = static_cast<__mmask16>(count >= 16 ? 0xffff : (1 << count) - 1);
      unroll<M>([&](auto m) __attribute__((always_inline)) {
        const Pair& sums = acc[m][n];
        output.store(y + m * t.y_pitch + n * 16 * t.y_size, mask, sum(sums.v[0]), sum(sums.v[1]), factors,
                     join);
      });
    });
  }
};

}  // namespace

void conv_i16_avx512vnni(const ConvTileI16& tile) {
  tile.multiplier64 ? run_panel<Vnni16Codes>(tile) : run_panel<Vnni16>(tile);
}

}  // namespace openhb::conv
