// SPDX-License-Identifier: Apache-2.0
// int8 Depthwise by vpdpbusd over four taps at a time: 64 channels of four taps are interleaved to 4 vectors
// of (channel, tap). The interleaving works within 128-bit lanes, so vector j holds the channels 16 l + 4 j +
// (0..3) of every lane l; packing the results undoes exactly that.
#include <immintrin.h>

#include "device/kernels/conv/tile.h"

namespace openhb::conv {
namespace {

struct Quad {
  __m512i v[4];
};

Quad interleave(__m512i t0, __m512i t1, __m512i t2, __m512i t3) {
  const __m512i a = _mm512_unpacklo_epi8(t0, t1), b = _mm512_unpacklo_epi8(t2, t3);
  const __m512i c = _mm512_unpackhi_epi8(t0, t1), d = _mm512_unpackhi_epi8(t2, t3);
  return {{_mm512_unpacklo_epi16(a, b), _mm512_unpackhi_epi16(a, b), _mm512_unpacklo_epi16(c, d),
           _mm512_unpackhi_epi16(c, d)}};
}

// Between natural order (vector l: channels 16 l...) and the interleaved one; its own inverse.
Quad transpose_lanes(const Quad& q) {
  const __m512i a = _mm512_shuffle_i32x4(q.v[0], q.v[1], 0x44),
                b = _mm512_shuffle_i32x4(q.v[2], q.v[3], 0x44);
  const __m512i c = _mm512_shuffle_i32x4(q.v[0], q.v[1], 0xee),
                d = _mm512_shuffle_i32x4(q.v[2], q.v[3], 0xee);
  return {{_mm512_shuffle_i32x4(a, b, 0x88), _mm512_shuffle_i32x4(a, b, 0xdd),
           _mm512_shuffle_i32x4(c, d, 0x88), _mm512_shuffle_i32x4(c, d, 0xdd)}};
}

// 64 values per channel in interleaved order; those past `count` (a multiple of 16) are 0.
Quad load_channels(const void* values, int64_t count) {
  Quad q;
  for (int l = 0; l < 4; ++l)
    q.v[l] = l * 16 < count ? _mm512_loadu_si512(static_cast<const char*>(values) + l * 64)
                            : _mm512_setzero_si512();
  return transpose_lanes(q);
}

__mmask64 first_lanes(int64_t n) { return n >= 64 ? ~__mmask64{0} : (__mmask64{1} << n) - 1; }

// Weights of 64 channels from `channel` on, interleaved like the activations: 4 vectors per 4 taps.
void interleave_weights(const DepthwiseTileI8& t, int64_t channel, __m512i* out) {
  const auto load = [&](int64_t tap) {
    return tap < t.taps ? _mm512_loadu_si512(t.weights + tap * t.weight_pitch + channel)
                        : _mm512_setzero_si512();
  };
  for (int64_t tap = 0; tap < t.taps; tap += 4, out += 4) {
    const Quad q = interleave(load(tap), load(tap + 1), load(tap + 2), load(tap + 3));
    for (int j = 0; j < 4; ++j) _mm512_store_si512(out + j, q.v[j]);
  }
}

void store(const DepthwiseTileI8& t, char* y, int64_t valid, const Quad& acc, const Quad& multiplier) {
  if (t.stage.raw) {
    const Quad sums = transpose_lanes(acc);
    for (int l = 0; l < 4; ++l)
      if (valid > l * 16)
        _mm512_mask_storeu_epi32(y + l * 64, static_cast<__mmask16>(first_lanes(valid - l * 16)), sums.v[l]);
    return;
  }
  const __m512 lo = _mm512_set1_ps(t.stage.lo), hi = _mm512_set1_ps(t.stage.hi);
  __m512i q[4];
  for (int j = 0; j < 4; ++j) {
    const __m512 v = _mm512_mul_ps(_mm512_cvtepi32_ps(acc.v[j]), _mm512_castsi512_ps(multiplier.v[j]));
    q[j] = _mm512_cvtps_epi32(_mm512_min_ps(_mm512_max_ps(v, lo), hi));
  }
  const __m512i zero_point = _mm512_set1_epi16(static_cast<int16_t>(t.stage.zero_point));
  const __m512i low = _mm512_add_epi16(_mm512_packs_epi32(q[0], q[1]), zero_point);
  const __m512i high = _mm512_add_epi16(_mm512_packs_epi32(q[2], q[3]), zero_point);
  const __m512i codes = _mm512_packs_epi16(low, high);
  if (valid >= 64)
    _mm512_storeu_si512(y, codes);
  else
    _mm512_mask_storeu_epi8(y, first_lanes(valid), codes);
}

void run_channels(const DepthwiseTileI8& t, int64_t channel) {
  __m512i* weights = static_cast<__m512i*>(t.scratch);
  interleave_weights(t, channel, weights);
  const int64_t entries = t.weight_pitch - channel;
  Quad start = load_channels(t.bias + channel, entries);
  const Quad sum128 = load_channels(t.sum128 + channel, entries);
  for (int j = 0; j < 4; ++j) start.v[j] = _mm512_sub_epi32(start.v[j], sum128.v[j]);
  const Quad multiplier = t.stage.raw ? start : load_channels(t.multiplier + channel, entries);
  const __m512i flip = _mm512_set1_epi8(-128);
  char* y = static_cast<char*>(t.y) + channel * (t.stage.raw ? 4 : 1);
  for (int32_t p = 0; p < t.pixels; ++p, y += t.y_pitch) {
    const int8_t* const* rows = t.rows + p * t.row_stride;
    const auto load = [&](int64_t tap) {
      return _mm512_xor_si512(_mm512_loadu_si512(rows[tap] + channel), flip);
    };
    Quad acc = start;
    const __m512i* w = weights;
    int64_t tap = 0;
    for (; tap + 1 < t.taps; tap += 4, w += 4) {
      const Quad x = interleave(load(tap), load(tap + 1), load(tap + 2), load(tap + 3));
      for (int j = 0; j < 4; ++j) acc.v[j] = _mm512_dpbusd_epi32(acc.v[j], x.v[j], _mm512_load_si512(w + j));
    }
    if (tap < t.taps) {  // one tap left, as of 3x3 and 5x5: the other weights are 0
      const __m512i last = load(tap);
      const Quad x = interleave(last, last, last, last);
      for (int j = 0; j < 4; ++j) acc.v[j] = _mm512_dpbusd_epi32(acc.v[j], x.v[j], _mm512_load_si512(w + j));
    }
    store(t, y, t.channels - channel, acc, multiplier);
  }
}

}  // namespace

void depthwise_i8_avx512vnni(const DepthwiseTileI8& tile) {
  for (int64_t channel = 0; channel < tile.channels; channel += 64) run_channels(tile, channel);
}

}  // namespace openhb::conv
