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
    int32_t sums[16];
    for (int i = 0; i < 4; ++i) vst1q_s32(sums + i * 4, a[i]);
    __builtin_memcpy(y, sums, static_cast<size_t>(count < 16 ? count : 16) * 4);
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

// Whether codes get their bounds from instructions that saturate: then it is the same to round first.
static inline bool saturates(const OutputStage& stage) {
  const auto zero_point = static_cast<float>(stage.zero_point);
  return !stage.raw && stage.fits && stage.lo + zero_point <= -128 && stage.hi + zero_point >= 127;
}

// All 4 * N (N: 2 or 4) neighbouring outputs of M pixels, if saturates(stage). kFits16: stage.fits16.
template <bool kFits16, int M, int N>
static inline void store_saturated(int16x8_t zero_point, const float32x4_t (&multiplier)[N], char* y,
                                   int64_t y_pitch, const int32x4_t (&acc)[M][N]) {
  for (int m = 0; m < M; ++m)
    for (int i = 0; i < N; i += 2) {
      const int32x4_t a = vcvtnq_s32_f32(vmulq_f32(vcvtq_f32_s32(acc[m][i]), multiplier[i]));
      const int32x4_t b = vcvtnq_s32_f32(vmulq_f32(vcvtq_f32_s32(acc[m][i + 1]), multiplier[i + 1]));
      const int16x8_t wide =
          kFits16 ? vaddq_s16(vuzp1q_s16(vreinterpretq_s16_s32(a), vreinterpretq_s16_s32(b)), zero_point)
                  : vqaddq_s16(vqmovn_high_s32(vqmovn_s32(a), b), zero_point);
      vst1_s8(reinterpret_cast<int8_t*>(y + m * y_pitch) + i * 4, vqmovn_s16(wide));
    }
}

// The first `count` of 16 outputs of some pixels, in any way.
__attribute__((noinline, unused)) static void store_any(const OutputStage& stage, const float* multiplier,
                                                        char* y, int64_t y_pitch, int64_t count,
                                                        const int32x4_t (*acc)[4], int pixels) {
  for (int m = 0; m < pixels; ++m) store16(stage, multiplier, y + m * y_pitch, count, acc[m]);
}

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
