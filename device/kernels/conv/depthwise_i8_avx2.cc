// SPDX-License-Identifier: Apache-2.0
// int8 Depthwise by vpmaddwd over two taps at a time, 16 channels: `low` vectors hold the channels 0-3 and
// 8-11, `high` ones 4-7 and 12-15 (interleaving works within 128-bit lanes; packing undoes it).
#include <immintrin.h>
#include <stddef.h>

#include "device/kernels/conv/tile.h"

namespace openhb::conv {
namespace {

struct Pair {
  __m256i low, high;
};

__m256i load16(const int8_t* x) {
  return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x)));
}

Pair interleave(__m256i t0, __m256i t1) {
  return {_mm256_unpacklo_epi16(t0, t1), _mm256_unpackhi_epi16(t0, t1)};
}

// Between natural order (low: 0-7, high: 8-15) and the interleaved one; its own inverse.
Pair swap_lanes(Pair p) {
  return {_mm256_permute2x128_si256(p.low, p.high, 0x20), _mm256_permute2x128_si256(p.low, p.high, 0x31)};
}

Pair load_channels(const void* values) {
  const auto* v = static_cast<const __m256i*>(values);
  return swap_lanes({_mm256_loadu_si256(v), _mm256_loadu_si256(v + 1)});
}

void interleave_weights(const DepthwiseTileI8& t, int64_t channel, __m256i* out) {
  const auto load = [&](int64_t tap) {
    return tap < t.taps ? load16(t.weights + tap * t.weight_pitch + channel) : _mm256_setzero_si256();
  };
  for (int64_t tap = 0; tap < t.taps; tap += 2, out += 2) {
    const Pair w = interleave(load(tap), load(tap + 1));
    _mm256_store_si256(out, w.low);
    _mm256_store_si256(out + 1, w.high);
  }
}

void store(const DepthwiseTileI8& t, char* y, int64_t valid, Pair acc, Pair multiplier) {
  const size_t count = valid < 16 ? static_cast<size_t>(valid) : 16;
  if (t.stage.raw) {
    acc = swap_lanes(acc);
    alignas(32) int32_t sums[16];
    _mm256_store_si256(reinterpret_cast<__m256i*>(sums), acc.low);
    _mm256_store_si256(reinterpret_cast<__m256i*>(sums + 8), acc.high);
    __builtin_memcpy(y, sums, count * 4);
    return;
  }
  const __m256 lo = _mm256_set1_ps(t.stage.lo), hi = _mm256_set1_ps(t.stage.hi);
  const auto scale = [&](__m256i a, __m256i m) {
    const __m256 v = _mm256_mul_ps(_mm256_cvtepi32_ps(a), _mm256_castsi256_ps(m));
    return _mm256_cvtps_epi32(_mm256_min_ps(_mm256_max_ps(v, lo), hi));
  };
  const __m256i q =
      _mm256_add_epi16(_mm256_packs_epi32(scale(acc.low, multiplier.low), scale(acc.high, multiplier.high)),
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

void run_channels(const DepthwiseTileI8& t, int64_t channel) {
  __m256i* weights = static_cast<__m256i*>(t.scratch);
  interleave_weights(t, channel, weights);
  const Pair start = load_channels(t.bias + channel);
  const Pair multiplier = t.stage.raw ? start : load_channels(t.multiplier + channel);
  char* y = static_cast<char*>(t.y) + channel * (t.stage.raw ? 4 : 1);
  for (int32_t p = 0; p < t.pixels; ++p, y += t.y_pitch) {
    const int8_t* const* rows = t.rows + p * t.row_stride;
    Pair acc = start;
    const __m256i* w = weights;
    for (int64_t tap = 0; tap < t.taps; tap += 2, w += 2) {
      const Pair x = interleave(load16(rows[tap] + channel), load16(rows[tap + 1] + channel));
      acc.low = _mm256_add_epi32(acc.low, _mm256_madd_epi16(x.low, _mm256_load_si256(w)));
      acc.high = _mm256_add_epi32(acc.high, _mm256_madd_epi16(x.high, _mm256_load_si256(w + 1)));
    }
    store(t, y, t.channels - channel, acc, multiplier);
  }
}

}  // namespace

void depthwise_i8_avx2(const DepthwiseTileI8& tile) {
  for (int64_t channel = 0; channel < tile.channels; channel += 16) run_channels(tile, channel);
}

}  // namespace openhb::conv
