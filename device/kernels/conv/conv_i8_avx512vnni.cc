// SPDX-License-Identifier: Apache-2.0
// int8 Conv by vpdpbusd: activations are flipped to unsigned as they are broadcast, which adds sum128 to the
// sum.
#include <immintrin.h>

#include "device/kernels/conv/panel.h"

namespace openhb::conv {
namespace {

__mmask64 first_lanes(int n) { return n >= 64 ? ~__mmask64{0} : (__mmask64{1} << n) - 1; }

// Turns four vectors of 16 sums into codes, in order.
class Requantizer {
 public:
  explicit Requantizer(const OutputStage& s)
      : lo_(_mm512_set1_ps(s.lo)),
        hi_(_mm512_set1_ps(s.hi)),
        least_(_mm512_set1_epi8(static_cast<char>(static_cast<int>(s.lo) + s.zero_point))),
        most_(_mm512_set1_epi8(static_cast<char>(static_cast<int>(s.hi) + s.zero_point))),
        zero_point_(_mm512_set1_epi16(static_cast<short>(s.zero_point))),
        fits_(s.fits) {}

  [[gnu::always_inline]] __m512i codes(const __m512i (&sums)[4], const __m512 (&multiplier)[4]) const {
    __m512 v[4];
    for (int i = 0; i < 4; ++i) v[i] = _mm512_mul_ps(_mm512_cvtepi32_ps(sums[i]), multiplier[i]);
    if (!fits_)  // what does not convert to int32 must meet its bound before
      for (__m512& f : v) f = _mm512_min_ps(_mm512_max_ps(f, lo_), hi_);
    const __m512i low = _mm512_packs_epi32(_mm512_cvtps_epi32(v[0]), _mm512_cvtps_epi32(v[1]));
    const __m512i high = _mm512_packs_epi32(_mm512_cvtps_epi32(v[2]), _mm512_cvtps_epi32(v[3]));
    __m512i q = _mm512_packs_epi16(_mm512_adds_epi16(low, zero_point_), _mm512_adds_epi16(high, zero_point_));
    q = _mm512_min_epi8(_mm512_max_epi8(q, least_), most_);
    // Packing works within 128 bits.
    return _mm512_permutexvar_epi32(_mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15),
                                    q);
  }

 private:
  __m512 lo_, hi_;
  __m512i least_, most_, zero_point_;
  bool fits_;
};

struct Vnni {
  using Tile = ConvTileI8;
  using Input = __m512i;
  using Weights = __m512i;
  using Acc = __m512i;
  using Room = NoLimit;
  static constexpr int kDepth = 4;
  static constexpr bool kHalves = true;  // in 256 bits, the others being zero
  static constexpr int kMr[] = {8, 8, 8, 6};
  static_assert(sizeof(kMr) / sizeof(int) == kConvI8VnniNr);

  // The compiler would flip 4 bytes and broadcast them then, which takes a shuffle; a load broadcasts for
  // nothing.
  static Input broadcast(const int8_t* x) {
    struct Bytes {
      int8_t b[4];
    };
    __m512i u;
    asm("vpxord %1%{1to16%}, %2, %0"
        : "=v"(u)
        : "m"(*reinterpret_cast<const Bytes*>(x)), "v"(_mm512_set1_epi8(-128)));
    return u;
  }
  static Input broadcast(const int8_t* x, Half) {
    int32_t bits;
    __builtin_memcpy(&bits, x, 4);
    return _mm512_castsi256_si512(_mm256_xor_si256(_mm256_set1_epi32(bits), _mm256_set1_epi8(-128)));
  }
  static Weights load(const int8_t* w) { return _mm512_loadu_si512(w); }
  static Weights load(const int8_t* w, Half) {
    return _mm512_castsi256_si512(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(w)));
  }
  static void multiply_add(Acc& acc, Input x, Weights w) { acc = _mm512_dpbusd_epi32(acc, x, w); }
  static void multiply_add(Acc& acc, Input x, Weights w, Half) {
    acc = _mm512_zextsi256_si512(_mm256_dpbusd_epi32(_mm512_castsi512_si256(acc), _mm512_castsi512_si256(x),
                                                     _mm512_castsi512_si256(w)));
  }

  template <int M, int N>
  [[gnu::always_inline]] static void start(const Tile& t, Acc (&acc)[M][N]) {
    unroll<N>([&](auto n) __attribute__((always_inline)) {
      const __m512i from =
          _mm512_sub_epi32(_mm512_loadu_si512(t.bias + n * 16), _mm512_loadu_si512(t.sum128 + n * 16));
      unroll<M>([&](auto m) __attribute__((always_inline)) { acc[m][n] = from; });
    });
  }
  template <int M, int N>
  [[gnu::always_inline]] static void finish(const Tile& t, int64_t pixel, Acc (&acc)[M][N], bool) {
    char* y = static_cast<char*>(t.y) + pixel * t.y_pitch;
    const __mmask64 mask = first_lanes(t.outputs);
    if (t.stage.raw) {
      unroll<M * N>([&](auto i) __attribute__((always_inline)) {
        constexpr int m = i / N, n = i % N;
        _mm512_mask_storeu_epi32(y + m * t.y_pitch + n * 64, static_cast<__mmask16>(mask >> n * 16),
                                 acc[m][n]);
      });
      return;
    }
    if (N == 4 && mask == ~__mmask64{0})
      finish_codes<M, N, true>(t, y, mask, acc);
    else
      finish_codes<M, N, false>(t, y, mask, acc);
  }

  // Whole: 64 codes per pixel.
  template <int M, int N, bool Whole>
  [[gnu::always_inline]] static void finish_codes(const Tile& t, char* y, __mmask64 mask, Acc (&acc)[M][N]) {
    const Requantizer requantizer(t.stage);
    __m512 multiplier[N];
    for (int n = 0; n < N; ++n) multiplier[n] = _mm512_loadu_ps(t.multiplier + n * 16);
    // 64 codes at a time: those of one pixel, or of two or four.
    constexpr int kPixels = N == 1 ? 4 : N == 2 ? 2 : 1, kBlocks = 4 / kPixels;
    unroll<(M + kPixels - 1) / kPixels>([&](auto group) __attribute__((always_inline)) {
      constexpr int first = group * kPixels;
      __m512i sums[4];
      __m512 factors[4];
      unroll<4>([&](auto i) __attribute__((always_inline)) {
        constexpr int m = first + i / kBlocks < M ? first + i / kBlocks : M - 1;
        constexpr int n = i % kBlocks < N ? i % kBlocks : N - 1;
        sums[i] = acc[m][n], factors[i] = multiplier[n];
      });
      const __m512i q = requantizer.codes(sums, factors);
      unroll<kPixels>([&](auto i) __attribute__((always_inline)) {
        char* to = y + (first + i) * t.y_pitch;
        if constexpr (first + i >= M)
          return;
        else if constexpr (Whole)
          _mm512_storeu_si512(to, q);
        else if constexpr (kPixels == 1)
          _mm512_mask_storeu_epi8(to, mask, q);
        else if constexpr (kPixels == 2)
          _mm256_mask_storeu_epi8(to, static_cast<__mmask32>(mask), _mm512_extracti64x4_epi64(q, i));
        else
          _mm_mask_storeu_epi8(to, static_cast<__mmask16>(mask), _mm512_extracti32x4_epi32(q, i));
      });
    });
  }
};

}  // namespace

void conv_i8_avx512vnni(const ConvTileI8& tile) { run_panel<Vnni>(tile); }

}  // namespace openhb::conv
