// SPDX-License-Identifier: Apache-2.0
// int16 Conv by vpmaddwd: int32 sums over as many lines as these hold, int64 beyond.
#include <immintrin.h>
#include <stddef.h>

#include "device/kernels/conv/tile.h"

namespace openhb::conv {
namespace {

constexpr int kMr = kConvI16Avx2Mr;

__m256i broadcast4(const int16_t* x) {
  int64_t bits;
  __builtin_memcpy(&bits, x, 8);
  return _mm256_set1_epi64x(bits);
}

void add8(int64_t* sums, __m256i v) {
  auto* s = reinterpret_cast<__m256i*>(sums);
  _mm256_store_si256(
      s, _mm256_add_epi64(_mm256_load_si256(s), _mm256_cvtepi32_epi64(_mm256_castsi256_si128(v))));
  _mm256_store_si256(s + 1, _mm256_add_epi64(_mm256_load_si256(s + 1),
                                             _mm256_cvtepi32_epi64(_mm256_extracti128_si256(v, 1))));
}

// acc[i] holds two partial sums for each of the outputs 4i .. 4i+3.
void flush(int64_t* sums, __m256i (&acc)[4]) {
  for (int i = 0; i < 4; i += 2)
    add8(sums + i * 4, _mm256_permute4x64_epi64(_mm256_hadd_epi32(acc[i], acc[i + 1]), 0xd8));
  for (__m256i& a : acc) a = _mm256_setzero_si256();
}

template <int M>
void run(const ConvTileI16& t) {
  const int64_t lines = (t.channels + 3) / 4;
  alignas(32) int64_t sums[M][16];
  __m256i acc[M][4];
  for (int m = 0; m < M; ++m) {
    for (int i = 0; i < 16; ++i) sums[m][i] = t.bias[i];
    for (__m256i& a : acc[m]) a = _mm256_setzero_si256();
  }
  const int8_t* w = t.weights;
  int64_t room = kLinesInInt32;
  for (int64_t tap = 0; tap < t.taps; ++tap) {
    const int16_t* x[M];
    for (int m = 0; m < M; ++m) x[m] = t.rows[tap * kMr + m] + t.x_offset;
    for (int64_t left = lines; left > 0;) {
      const int64_t n = left < room ? left : room;
      for (int64_t line = 0; line < n; ++line, w += 64) {
        __m256i xv[M];
        for (int m = 0; m < M; ++m) xv[m] = broadcast4(x[m] + line * 4);
        for (int i = 0; i < 4; ++i) {
          const __m256i wv =
              _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(w + i * 16)));
          for (int m = 0; m < M; ++m) acc[m][i] = _mm256_add_epi32(acc[m][i], _mm256_madd_epi16(xv[m], wv));
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
    __builtin_memcpy(static_cast<char*>(t.y) + m * t.y_pitch, sums[m], static_cast<size_t>(t.outputs) * 8);
  }
}

}  // namespace

void conv_i16_avx2(const ConvTileI16& tile) {
  static_assert(kMr == 2 && kConvI16Avx2Nr == 1);
  tile.pixels == 1 ? run<1>(tile) : run<2>(tile);
}

}  // namespace openhb::conv
