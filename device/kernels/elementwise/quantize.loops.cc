// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/elementwise/loop.h"
#include "device/kernels/elementwise/quantize_loops.h"

#if defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace openhb::kernels {
namespace {

#if defined(__aarch64__)
// What vectorisation does not find: in-order cores load halves of vectors beside arithmetic, so those of the
// next elements come early. The functions return how many of the first elements are done.
inline float32x4_t load(const void* p) {
  const auto* halves = static_cast<const uint64_t*>(p);
  const uint64x1_t low = vld1_u64(halves);
  return vreinterpretq_f32_u64(vld1q_lane_u64(halves + 1, vcombine_u64(low, vdup_n_u64(0)), 1));
}

// kEach: a scale per element.
template <bool kEach>
int64_t dequantize_vectors(const int32_t* x, float* y, int64_t n, const float* scale) {
  const float32x4_t single = kEach ? vdupq_n_f32(0) : vdupq_n_f32(*scale);
  if (n < 16) return 0;
  float32x4_t next[4], scales[4];
  for (int j = 0; j < 4; ++j) next[j] = load(x + 4 * j);
  for (int j = 0; j < 4; ++j) scales[j] = kEach ? load(scale + 4 * j) : single;
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    const int64_t from = i + 32 <= n ? i + 16 : i;
    float32x4_t v[4];
    for (int j = 0; j < 4; ++j) v[j] = vcvtq_f32_s32(vreinterpretq_s32_f32(next[j]));
    for (int j = 0; j < 4; ++j) next[j] = load(x + from + 4 * j);
    for (int j = 0; j < 4; ++j) v[j] = vmulq_f32(v[j], scales[j]);
    for (int j = 0; j < 4 && kEach; ++j) scales[j] = load(scale + from + 4 * j);
    for (int j = 0; j < 4; ++j) vst1q_f32(y + i + 4 * j, v[j]);
  }
  return i;
}

int64_t quantize_vectors(const float* x, int8_t* y, int64_t n, float scale, int32_t zero) {
  constexpr int64_t kCount = 32;
  if (n < kCount) return 0;
  const auto zero_float = static_cast<float>(zero);
  const float32x4_t divisor = vdupq_n_f32(scale), lo = vdupq_n_f32(-128.0f - zero_float),
                    hi = vdupq_n_f32(127.0f - zero_float), magic = vdupq_n_f32(0x1.8p23f);
  const int8x16_t zeros = vdupq_n_s8(static_cast<int8_t>(zero));
  float32x4_t next[8];
  for (int j = 0; j < 8; ++j) next[j] = load(x + 4 * j);
  int64_t i = 0;
  for (; i + kCount <= n; i += kCount) {
    const float* from = x + (i + 2 * kCount <= n ? i + kCount : i);
    float32x4_t v[8];
    for (int j = 0; j < 8; ++j) v[j] = vdivq_f32(next[j], divisor);
    for (int j = 0; j < 8; ++j) next[j] = load(from + 4 * j);
    // All quotients first: each takes longest, and what follows waits for it.
    asm volatile("" : "+w"(v[0]), "+w"(v[1]), "+w"(v[2]), "+w"(v[3]));
    asm volatile("" : "+w"(v[4]), "+w"(v[5]), "+w"(v[6]), "+w"(v[7]), "+w"(v[0]));
    for (auto& f : v) f = vmaxnmq_f32(f, lo);  // NaN gives lo
    for (auto& f : v) f = vminnmq_f32(f, hi);
    for (auto& f : v) f = vaddq_f32(f, magic);  // the code less the zero point in the low bits
    int16x8_t w[4];
    for (int j = 0; j < 4; ++j)
      w[j] = vuzp1q_s16(vreinterpretq_s16_f32(v[2 * j]), vreinterpretq_s16_f32(v[2 * j + 1]));
    for (int j = 0; j < 2; ++j)
      vst1q_s8(
          y + i + 16 * j,
          vaddq_s8(vuzp1q_s8(vreinterpretq_s8_s16(w[2 * j]), vreinterpretq_s8_s16(w[2 * j + 1])), zeros));
  }
  return i;
}
#else
template <bool kEach>
int64_t dequantize_vectors(const int32_t*, float*, int64_t, const float*) {
  return 0;
}
int64_t quantize_vectors(const float*, int8_t*, int64_t, float, int32_t) { return 0; }
#endif

// Functions of their own, as their loops vectorise badly where n is known.
__attribute__((noinline)) void quantize_row(const float* x, int8_t* y, int64_t n, float scale, int32_t zero) {
  const int64_t done = quantize_vectors(x, y, n, scale, zero);
  OPENHB_INDEPENDENT
  for (int64_t i = done; i < n; ++i) y[i] = quantize_code(x[i] / scale, zero);
}
void quantize(const float* x, int8_t* y, const Plane<2>& p, float scale, int32_t zero) {
  run_plane(x, y, p,
            [&](const float* from, int8_t* to, int64_t n) { quantize_row(from, to, n, scale, zero); });
}

__attribute__((noinline)) void dequantize_row(const int8_t* x, float* y, int64_t n, float scale,
                                              int32_t zero) {
  OPENHB_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) y[i] = static_cast<float>(x[i] - zero) * scale;
}
void dequantize_i8(const int8_t* x, float* y, const Plane<2>& p, float scale, int32_t zero) {
  run_plane(x, y, p,
            [&](const int8_t* from, float* to, int64_t n) { dequantize_row(from, to, n, scale, zero); });
}

void dequantize_i8_each(const int8_t* x, float* y, int64_t n, const float* scale, const int32_t* zero) {
  OPENHB_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) y[i] = static_cast<float>(x[i] - zero[i]) * scale[i];
}

void dequantize_i32(const int32_t* x, float* y, int64_t n, float scale) {
  const int64_t done = dequantize_vectors<false>(x, y, n, &scale);
  OPENHB_INDEPENDENT
  for (int64_t i = done; i < n; ++i) y[i] = static_cast<float>(x[i]) * scale;
}

void dequantize_i32_each(const int32_t* x, float* y, int64_t n, const float* scale) {
  const int64_t done = dequantize_vectors<true>(x, y, n, scale);
  OPENHB_INDEPENDENT
  for (int64_t i = done; i < n; ++i) y[i] = static_cast<float>(x[i]) * scale[i];
}

void image_i8(const uint8_t* x, int8_t* y, int64_t n) {
  OPENHB_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) y[i] = static_cast<int8_t>(x[i] - 128);
}

void image_f32(const uint8_t* x, float* y, int64_t n) {
  OPENHB_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) y[i] = static_cast<float>(x[i] - 128);
}

}  // namespace

namespace OPENHB_ISA {
extern const QuantizeLoops kQuantizeLoops;
const QuantizeLoops kQuantizeLoops = {
    quantize, dequantize_i8, dequantize_i8_each, dequantize_i32, dequantize_i32_each, image_i8, image_f32};
}  // namespace OPENHB_ISA

}  // namespace openhb::kernels
