// SPDX-License-Identifier: Apache-2.0
// The output stage for aarch64 kernels. Static functions only: every ISA file has its own copy.
#pragma once

#include <arm_neon.h>
#include <stddef.h>

#include "device/kernels/conv/tile.h"

namespace openhb::conv {

// Stores `count` (1 .. 16) of 16 neighbouring int8 or int32 outputs with accumulators a[0..3].
static inline void store16(const OutputStage& stage, const float* multiplier, char* y, int64_t count,
                           const int32x4_t (&a)[4]) {
  if (stage.raw) {
    if (count >= 16) {
      for (int i = 0; i < 4; ++i) vst1q_s32(reinterpret_cast<int32_t*>(y) + i * 4, a[i]);
      return;
    }
    int32_t sums[16];
    for (int i = 0; i < 4; ++i) vst1q_s32(sums + i * 4, a[i]);
    __builtin_memcpy(y, sums, static_cast<size_t>(count) * 4);
    return;
  }
  const float32x4_t lo = vdupq_n_f32(stage.lo), hi = vdupq_n_f32(stage.hi);
  int32x4_t q[4];
  for (int i = 0; i < 4; ++i) {
    const float32x4_t v = vmulq_f32(vcvtq_f32_s32(a[i]), vld1q_f32(multiplier + i * 4));
    q[i] = vcvtnq_s32_f32(vminnmq_f32(vmaxnmq_f32(v, lo), hi));  // NaN gives lo
  }
  const int16x8_t zero_point = vdupq_n_s16(static_cast<int16_t>(stage.zero_point));
  const int16x8_t low = vaddq_s16(vcombine_s16(vmovn_s32(q[0]), vmovn_s32(q[1])), zero_point);
  const int16x8_t high = vaddq_s16(vcombine_s16(vmovn_s32(q[2]), vmovn_s32(q[3])), zero_point);
  const int8x16_t codes = vcombine_s8(vmovn_s16(low), vmovn_s16(high));
  if (count >= 16) {
    vst1q_s8(reinterpret_cast<int8_t*>(y), codes);
    return;
  }
  int8_t bytes[16];
  vst1q_s8(bytes, codes);
  __builtin_memcpy(y, bytes, static_cast<size_t>(count));
}

// The first `count` of 16 outputs of some pixels, in any way.
__attribute__((noinline, unused)) static void store_any(const OutputStage& stage, const float* multiplier,
                                                        char* y, int64_t y_pitch, int64_t count,
                                                        const int32x4_t (*acc)[4], int pixels) {
  for (int m = 0; m < pixels; ++m) store16(stage, multiplier, y + m * y_pitch, count, acc[m]);
}

namespace {

// How sums become codes, from general to fast: with bounds; all codes of whole vectors by instructions that
// saturate, which may come after rounding; no product exceeds 16 bits; and the zero point is even: then the
// sum with 1.5 * 2^23 + zero point rounds like the product alone, and its low bits are the code.
enum class Way { any, saturated, fits16, even };

template <int N>
Way way_of(const OutputStage& stage, int64_t outputs) {
  const float lo = stage.lo + static_cast<float>(stage.zero_point),
              hi = stage.hi + static_cast<float>(stage.zero_point);
  if (outputs != 4 * N || stage.raw || !stage.fits || lo > -128 || hi < 127) return Way::any;
  return !stage.fits16 ? Way::saturated : stage.zero_point % 2 == 0 ? Way::even : Way::fits16;
}

// What turns sums into codes; y: the next pixel's.
template <int N>
struct Codes {
  float32x4_t multiplier[N];
  float32x4_t magic;
  int16x8_t zero_point;
  char* y;
  int64_t y_pitch;
};

// Stores tiles of M pixels with (at most) 4 * N outputs, N: 2 or 4, one after the other.
template <int M, int N>
class StoreI8 {
 public:
  // `outputs` from output `first` of the tile on, pixels from `pixel` on.
  StoreI8(const ConvTileI8& t, int64_t first, int64_t pixel, int64_t outputs)
      : stage_(t.stage),
        multipliers_(t.stage.raw ? nullptr : t.multiplier + first),
        outputs_(outputs),
        way_(way_of<N>(t.stage, outputs)) {
    c_.y_pitch = t.y_pitch;
    c_.y = static_cast<char*>(t.y) + pixel * t.y_pitch + first * (t.stage.raw ? 4 : 1);
    c_.magic = vdupq_n_f32(12582912.0f + static_cast<float>(stage_.zero_point));
    c_.zero_point = vdupq_n_s16(static_cast<int16_t>(stage_.zero_point));
    for (int i = 0; i < N; ++i)
      c_.multiplier[i] = stage_.raw ? vdupq_n_f32(0) : vld1q_f32(multipliers_ + i * 4);
  }

  __attribute__((always_inline)) void run(const int32x4_t (&acc)[M][N]) {
    if (way_ == Way::even)
      run<Way::even>(acc);
    else if (way_ == Way::fits16)
      run<Way::fits16>(acc);
    else if (way_ == Way::saturated)
      run<Way::saturated>(acc);
    else
      run<Way::any>(acc);
  }
  template <Way kWay>
  __attribute__((always_inline)) void run(const int32x4_t (&acc)[M][N]) {
    if (kWay == Way::any && stage_.raw && outputs_ == 4 * N) {
#pragma GCC unroll 5
      for (int m = 0; m < M; ++m)
#pragma GCC unroll 4
        for (int i = 0; i < N; ++i)
          vst1q_s32(reinterpret_cast<int32_t*>(c_.y + m * c_.y_pitch) + i * 4, acc[m][i]);
    } else if constexpr (kWay == Way::any) {
      int32x4_t sums[M][4] = {};  // not acc: what a call gets the address of is not kept in registers
#pragma GCC unroll 5
      for (int m = 0; m < M; ++m)
#pragma GCC unroll 4
        for (int i = 0; i < N; ++i) sums[m][i] = acc[m][i];
      store_any(stage_, multipliers_, c_.y, c_.y_pitch, outputs_, sums, M);
    } else {
#pragma GCC unroll 5
      for (int m = 0; m < M; ++m)
#pragma GCC unroll 2
        for (int i = 0; i < N; i += 2) {
          const int32x4_t a = round<kWay>(vmulq_f32(vcvtq_f32_s32(acc[m][i]), c_.multiplier[i]));
          const int32x4_t b = round<kWay>(vmulq_f32(vcvtq_f32_s32(acc[m][i + 1]), c_.multiplier[i + 1]));
          int16x8_t wide = vuzp1q_s16(vreinterpretq_s16_s32(a), vreinterpretq_s16_s32(b));
          if constexpr (kWay == Way::saturated)
            wide = vqaddq_s16(vqmovn_high_s32(vqmovn_s32(a), b), c_.zero_point);
          else if constexpr (kWay == Way::fits16)
            wide = vaddq_s16(wide, c_.zero_point);
          vst1_s8(reinterpret_cast<int8_t*>(c_.y + m * c_.y_pitch) + i * 4, vqmovn_s16(wide));
        }
    }
    c_.y += M * c_.y_pitch;
  }
  Codes<N>& codes() { return c_; }

 private:
  template <Way kWay>
  __attribute__((always_inline)) int32x4_t round(float32x4_t v) const {
    return kWay == Way::even ? vreinterpretq_s32_f32(vaddq_f32(v, c_.magic)) : vcvtnq_s32_f32(v);
  }

  const OutputStage& stage_;
  const float* multipliers_;
  int64_t outputs_;
  Way way_;
  Codes<N> c_;
};

}  // namespace

// v < lo ? lo : (v > hi ? hi : v) for lo <= hi. Not by fmin and fmax: they order -0 before +0.
static inline float32x4_t clamp4(float32x4_t v, float32x4_t lo, float32x4_t hi) {
  v = vbslq_f32(vcgtq_f32(v, hi), hi, v);
  return vbslq_f32(vcltq_f32(v, lo), lo, v);
}

// Stores `count` (1 .. 16) of 16 neighbouring float outputs.
static inline void store16(const OutputStage& stage, char* y, int64_t count, const float32x4_t (&a)[4]) {
  const float32x4_t lo = vdupq_n_f32(stage.lo), hi = vdupq_n_f32(stage.hi);
  if (count >= 16) {
    for (int i = 0; i < 4; ++i) vst1q_f32(reinterpret_cast<float*>(y) + i * 4, clamp4(a[i], lo, hi));
    return;
  }
  float values[16];
  for (int i = 0; i < 4; ++i) vst1q_f32(values + i * 4, clamp4(a[i], lo, hi));
  __builtin_memcpy(y, values, static_cast<size_t>(count) * 4);
}

}  // namespace openhb::conv
