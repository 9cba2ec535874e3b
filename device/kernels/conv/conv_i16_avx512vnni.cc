// SPDX-License-Identifier: Apache-2.0
// int16 Conv by vpdpwssd: int32 sums over as many lines as these hold, int64 beyond.
#include <immintrin.h>

#include "device/kernels/conv/tile.h"

namespace openhb::conv {
namespace {

constexpr int kMr = kConvI16VnniMr;

__m512i broadcast4(const int16_t* x) {
  int64_t bits;
  __builtin_memcpy(&bits, x, 8);
  return _mm512_set1_epi64(bits);
}

// Each 64-bit lane of acc holds two int32 partial sums of one output.
void flush(int64_t* sums, __m512i (&acc)[2]) {
  for (int i = 0; i < 2; ++i) {
    const __m512i low = _mm512_srai_epi64(_mm512_slli_epi64(acc[i], 32), 32);
    const __m512i both = _mm512_add_epi64(low, _mm512_srai_epi64(acc[i], 32));
    _mm512_store_si512(sums + i * 8, _mm512_add_epi64(_mm512_load_si512(sums + i * 8), both));
    acc[i] = _mm512_setzero_si512();
  }
}

template <int M>
void run(const ConvTileI16& t) {
  const int64_t lines = (t.channels + 3) / 4;
  alignas(64) int64_t sums[M][16];
  __m512i acc[M][2];
  for (int m = 0; m < M; ++m) {
    for (int i = 0; i < 16; ++i) sums[m][i] = t.bias[i];
    acc[m][0] = acc[m][1] = _mm512_setzero_si512();
  }
  const int8_t* w = t.weights;
  int64_t room = kLinesInInt32;
  for (int64_t tap = 0; tap < t.taps; ++tap) {
    const int16_t* x[M];
    for (int m = 0; m < M; ++m) x[m] = t.rows[tap * kMr + m] + t.x_offset;
    for (int64_t left = lines; left > 0;) {
      const int64_t n = left < room ? left : room;
      for (int64_t line = 0; line < n; ++line, w += 64) {
        const __m512i w0 = _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(w)));
        const __m512i w1 = _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(w + 32)));
        for (int m = 0; m < M; ++m) {
          const __m512i xv = broadcast4(x[m] + line * 4);
          acc[m][0] = _mm512_dpwssd_epi32(acc[m][0], xv, w0);
          acc[m][1] = _mm512_dpwssd_epi32(acc[m][1], xv, w1);
        }
      }
      for (int m = 0; m < M; ++m) x[m] += n * 4;
      left -= n, room -= n;
      if (room > 0) continue;
      for (int m = 0; m < M; ++m) flush(sums[m], acc[m]);
      room = kLinesInInt32;
    }
  }
  for (int m = 0; m < M; ++m) {
    flush(sums[m], acc[m]);
    __builtin_memcpy(static_cast<char*>(t.y) + m * t.y_pitch, sums[m],
                     static_cast<unsigned long>(t.outputs) * 8);
  }
}

}  // namespace

void conv_i16_avx512vnni(const ConvTileI16& tile) {
  static_assert(kMr == 8 && kConvI16VnniNr == 1);
  constexpr void (*kRun[])(const ConvTileI16&) = {run<1>, run<2>, run<3>, run<4>,
                                                  run<5>, run<6>, run<7>, run<8>};
  kRun[tile.pixels - 1](tile);
}

}  // namespace openhb::conv
