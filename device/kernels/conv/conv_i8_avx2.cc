// SPDX-License-Identifier: Apache-2.0
// int8 Conv by vpmaddwd on sign-extended operands (vpmaddubsw saturates and would change bits).
#include <immintrin.h>
#include <stddef.h>

#include "device/kernels/conv/tile.h"

namespace openhb::conv {
namespace {

constexpr int kMr = kConvI8Avx2Mr;

__m256i broadcast4(const int8_t* x) {
  int32_t bits;
  __builtin_memcpy(&bits, x, 4);
  return _mm256_cvtepi8_epi16(_mm_set1_epi32(bits));
}

// Accumulators of one pixel: [i] holds two partial sums for each of the outputs 4i .. 4i+3. Returns 8 sums.
__m256i join(__m256i a, __m256i b) { return _mm256_permute4x64_epi64(_mm256_hadd_epi32(a, b), 0xd8); }

void copy_bytes(char* y, const void* from, int count) {
  __builtin_memcpy(y, from, static_cast<size_t>(count));
}

void store(const ConvTileI8& t, char* y, __m256i low, __m256i high) {
  const int count = t.outputs;
  if (t.stage.raw) {
    alignas(32) int32_t sums[16];
    _mm256_store_si256(reinterpret_cast<__m256i*>(sums), low);
    _mm256_store_si256(reinterpret_cast<__m256i*>(sums + 8), high);
    copy_bytes(y, sums, count * 4);
    return;
  }
  const __m256 lo = _mm256_set1_ps(t.stage.lo), hi = _mm256_set1_ps(t.stage.hi);
  __m256 a = _mm256_mul_ps(_mm256_cvtepi32_ps(low), _mm256_loadu_ps(t.multiplier));
  __m256 b = _mm256_mul_ps(_mm256_cvtepi32_ps(high), _mm256_loadu_ps(t.multiplier + 8));
  a = _mm256_min_ps(_mm256_max_ps(a, lo), hi);
  b = _mm256_min_ps(_mm256_max_ps(b, lo), hi);
  __m256i q = _mm256_packs_epi32(_mm256_cvtps_epi32(a), _mm256_cvtps_epi32(b));
  q = _mm256_add_epi16(_mm256_permute4x64_epi64(q, 0xd8),
                       _mm256_set1_epi16(static_cast<int16_t>(t.stage.zero_point)));
  const __m128i codes = _mm_packs_epi16(_mm256_castsi256_si128(q), _mm256_extracti128_si256(q, 1));
  if (count == 16) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(y), codes);
    return;
  }
  alignas(16) int8_t bytes[16];
  _mm_store_si128(reinterpret_cast<__m128i*>(bytes), codes);
  copy_bytes(y, bytes, count);
}

template <int M>
void run(const ConvTileI8& t) {
  const int64_t bytes = (t.channels + 3) / 4 * 4;  // of x per tap
  __m256i acc[M][4];
  for (int m = 0; m < M; ++m)
    for (int i = 0; i < 4; ++i) acc[m][i] = _mm256_setzero_si256();
  const int8_t* w = t.weights;
  for (int64_t tap = 0; tap < t.taps; ++tap) {
    const int8_t* x[M];
    for (int m = 0; m < M; ++m) x[m] = t.rows[tap * kMr + m] + t.x_offset;
    for (int64_t c = 0; c < bytes; c += 4, w += 64) {
      __m256i xv[M];
      for (int m = 0; m < M; ++m) xv[m] = broadcast4(x[m] + c);
      for (int i = 0; i < 4; ++i) {
        const __m256i wv =
            _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(w + i * 16)));
        for (int m = 0; m < M; ++m) acc[m][i] = _mm256_add_epi32(acc[m][i], _mm256_madd_epi16(xv[m], wv));
      }
    }
  }
  const __m256i bias_low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(t.bias));
  const __m256i bias_high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(t.bias + 8));
  for (int m = 0; m < M; ++m)
    store(t, static_cast<char*>(t.y) + m * t.y_pitch, _mm256_add_epi32(bias_low, join(acc[m][0], acc[m][1])),
          _mm256_add_epi32(bias_high, join(acc[m][2], acc[m][3])));
}

}  // namespace

void conv_i8_avx2(const ConvTileI8& tile) {
  static_assert(kMr == 3 && kConvI8Avx2Nr == 1);
  constexpr void (*kRun[])(const ConvTileI8&) = {run<1>, run<2>, run<3>};
  kRun[tile.pixels - 1](tile);
}

}  // namespace openhb::conv
