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

// Stores tiles of M pixels with (at most) 4 * N outputs, N: 2 or 4, one after the other.
template <int M, int N>
class StoreI8 {
 public:
  // `outputs` from output `first` of the tile on, pixels from `pixel` on.
  StoreI8(const ConvTileI8& t, int64_t first, int64_t pixel, int64_t outputs)
      : stage_(t.stage),
        multipliers_(t.stage.raw ? nullptr : t.multiplier + first),
        outputs_(outputs),
        y_pitch_(t.y_pitch),
        y_(static_cast<char*>(t.y) + pixel * t.y_pitch + first * (t.stage.raw ? 4 : 1)) {
    // Then codes can get their bounds from instructions that saturate: it is the same to round first.
    const float lo = stage_.lo + static_cast<float>(stage_.zero_point),
                hi = stage_.hi + static_cast<float>(stage_.zero_point);
    saturates_ = outputs == 4 * N && !stage_.raw && stage_.fits && lo <= -128 && hi >= 127;
    fits16_ = stage_.fits16;
    even_ = fits16_ && stage_.zero_point % 2 == 0;
    magic_ = vdupq_n_f32(12582912.0f + static_cast<float>(stage_.zero_point));
    zero_point_ = vdupq_n_s16(static_cast<int16_t>(stage_.zero_point));
    for (int i = 0; i < N; ++i)
      multiplier_[i] = stage_.raw ? vdupq_n_f32(0) : vld1q_f32(multipliers_ + i * 4);
  }

  __attribute__((always_inline)) void run(const int32x4_t (&acc)[M][N]) {
    if (!saturates_) {
      int32x4_t sums[M][4] = {};  // not acc: what a call gets the address of is not kept in registers
#pragma GCC unroll 5
      for (int m = 0; m < M; ++m)
#pragma GCC unroll 4
        for (int i = 0; i < N; ++i) sums[m][i] = acc[m][i];
      store_any(stage_, multipliers_, y_, y_pitch_, outputs_, sums, M);
    } else if (even_) {
      saturated<true, true>(acc);
    } else if (fits16_) {
      saturated<true, false>(acc);
    } else {
      saturated<false, false>(acc);
    }
    y_ += M * y_pitch_;
  }

 private:
  // kEven: the zero point is. Then the sum with 1.5 * 2^23 + zero point rounds like the product alone, and
  // its low bits are the code.
  template <bool kFits16, bool kEven>
  __attribute__((always_inline)) void saturated(const int32x4_t (&acc)[M][N]) {
#pragma GCC unroll 5
    for (int m = 0; m < M; ++m)
#pragma GCC unroll 2
      for (int i = 0; i < N; i += 2) {
        const int32x4_t a = round<kEven>(vmulq_f32(vcvtq_f32_s32(acc[m][i]), multiplier_[i]));
        const int32x4_t b = round<kEven>(vmulq_f32(vcvtq_f32_s32(acc[m][i + 1]), multiplier_[i + 1]));
        int16x8_t wide = vuzp1q_s16(vreinterpretq_s16_s32(a), vreinterpretq_s16_s32(b));
        if constexpr (!kFits16)
          wide = vqaddq_s16(vqmovn_high_s32(vqmovn_s32(a), b), zero_point_);
        else if constexpr (!kEven)
          wide = vaddq_s16(wide, zero_point_);
        vst1_s8(reinterpret_cast<int8_t*>(y_ + m * y_pitch_) + i * 4, vqmovn_s16(wide));
      }
  }
  template <bool kEven>
  __attribute__((always_inline)) int32x4_t round(float32x4_t v) const {
    return kEven ? vreinterpretq_s32_f32(vaddq_f32(v, magic_)) : vcvtnq_s32_f32(v);
  }

  const OutputStage& stage_;
  const float* multipliers_;
  int64_t outputs_, y_pitch_;
  char* y_;
  bool saturates_, fits16_, even_;
  int16x8_t zero_point_;
  float32x4_t magic_;
  float32x4_t multiplier_[N];
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
