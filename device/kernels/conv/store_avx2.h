// SPDX-License-Identifier: Apache-2.0
// The output stage of the 256-bit rows of int8 Conv: 16 sums of a pixel. For ISA files: file-local.
#pragma once

#include <immintrin.h>
#include <stddef.h>

#include "device/kernels/conv/tile.h"

namespace openhb::conv {
namespace {

void store(const ConvTileI8& t, char* y, __m256i low, __m256i high) {
  const auto count = static_cast<size_t>(t.outputs);
  if (t.stage.raw) {
    alignas(32) int32_t sums[16];
    _mm256_store_si256(reinterpret_cast<__m256i*>(sums), low);
    _mm256_store_si256(reinterpret_cast<__m256i*>(sums + 8), high);
    __builtin_memcpy(y, sums, count * 4);
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
  __builtin_memcpy(y, bytes, count);
}

}  // namespace
}  // namespace openhb::conv
