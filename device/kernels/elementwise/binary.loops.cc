// SPDX-License-Identifier: Apache-2.0
#include "common/math/elementary.h"
#include "common/math/remainder.h"
#include "device/kernels/elementwise/binary_form.h"

#if defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace openhb::kernels {
namespace {

using enum BinaryFunction;

#if defined(__aarch64__)
// Sums of codes as OfCodes has them, 32 at a time; returns how many. What vectorisation does not find: bytes
// become numbers by tables, narrowing saturates. kSmall: no sum exceeds 16 bits; then adding
// 1.5 * 2^23 - 128 rounds and leaves the code in the low bits. Otherwise conversion saturates, NaN gives 0.
// In-order cores load halves of vectors beside arithmetic, so those of the next elements come early; stage by
// stage eight independent chains hide each other's latencies.
template <bool kSmall>
int64_t sum_vectors(const int8_t* a, const int8_t* b, int8_t* y, int64_t n, const BinaryConstants& c) {
  constexpr uint8_t kNone = 255;
  static constexpr uint8_t kSpread[4][16] = {
      {0, kNone, kNone, kNone, 1, kNone, kNone, kNone, 2, kNone, kNone, kNone, 3, kNone, kNone, kNone},
      {4, kNone, kNone, kNone, 5, kNone, kNone, kNone, 6, kNone, kNone, kNone, 7, kNone, kNone, kNone},
      {8, kNone, kNone, kNone, 9, kNone, kNone, kNone, 10, kNone, kNone, kNone, 11, kNone, kNone, kNone},
      {12, kNone, kNone, kNone, 13, kNone, kNone, kNone, 14, kNone, kNone, kNone, 15, kNone, kNone, kNone}};
  const auto load = [](const int8_t* x) {
    const uint64x1_t low = vld1_u64(reinterpret_cast<const uint64_t*>(x));
    return vreinterpretq_u8_u64(
        vld1q_lane_u64(reinterpret_cast<const uint64_t*>(x + 8), vcombine_u64(low, vdup_n_u64(0)), 1));
  };
  uint8x16_t spread[4];
  for (int j = 0; j < 4; ++j) spread[j] = vld1q_u8(kSpread[j]);
  const uint8x16_t flip = vdupq_n_u8(0x80);
  const float32x4_t fa = vdupq_n_f32(c.fa), fb = vdupq_n_f32(c.fb), k = vdupq_n_f32(c.k),
                    magic = vdupq_n_f32(0x1.8p23f - 128);
  if (n < 32) return 0;
  uint8x16_t ua[2] = {load(a), load(a + 16)}, ub[2] = {load(b), load(b + 16)};
  int64_t i = 0;
  for (int64_t next = 0; i + 32 <= n; i = next) {
    next = i + 32;
    const int64_t at = next + 32 <= n ? next : i;
    float32x4_t x[8], z[8];
    for (auto& v : ub) v = veorq_u8(v, flip);
    for (int j = 0; j < 8; ++j) z[j] = vreinterpretq_f32_u8(vqtbl1q_u8(ub[j / 4], spread[j % 4]));
    for (int j = 0; j < 2; ++j) ub[j] = load(b + at + 16 * j);
    for (auto& v : z) v = vcvtq_f32_u32(vreinterpretq_u32_f32(v));
    for (auto& v : z) v = vfmaq_f32(k, v, fb);
    for (auto& v : ua) v = veorq_u8(v, flip);
    for (int j = 0; j < 8; ++j) x[j] = vreinterpretq_f32_u8(vqtbl1q_u8(ua[j / 4], spread[j % 4]));
    for (int j = 0; j < 2; ++j) ua[j] = load(a + at + 16 * j);
    for (auto& v : x) v = vcvtq_f32_u32(vreinterpretq_u32_f32(v));
    for (int j = 0; j < 8; ++j) z[j] = vfmaq_f32(z[j], x[j], fa);
    int8x16_t codes[2];
    if constexpr (kSmall) {
      int16x8_t w[4];
      for (auto& v : z) v = vaddq_f32(v, magic);
      for (int j = 0; j < 4; ++j)
        w[j] = vuzp1q_s16(vreinterpretq_s16_f32(z[2 * j]), vreinterpretq_s16_f32(z[2 * j + 1]));
      for (int j = 0; j < 2; ++j) codes[j] = vqmovn_high_s16(vqmovn_s16(w[2 * j]), w[2 * j + 1]);
    } else {
      uint16x8_t w[4];
      for (int j = 0; j < 4; ++j)
        w[j] = vqmovn_high_u32(vqmovn_u32(vcvtnq_u32_f32(z[2 * j])), vcvtnq_u32_f32(z[2 * j + 1]));
      for (int j = 0; j < 2; ++j)
        codes[j] = vreinterpretq_s8_u8(veorq_u8(vqmovn_high_u16(vqmovn_u16(w[2 * j]), w[2 * j + 1]), flip));
    }
    for (int j = 0; j < 2; ++j) vst1q_s8(y + i + 16 * j, codes[j]);
  }
  return i;
}
#endif

// docs/numerics.md "Binary": add, sub and mul on u codes, u = q + 128.
template <BinaryFunction F>
struct OfCodes {
  static int8_t of(int8_t a, int8_t b, const BinaryConstants& c)
    requires(F == add || F == sub)
  {
    const float v = __builtin_fmaf(static_cast<float>(a + 128), c.fa,
                                   __builtin_fmaf(static_cast<float>(b + 128), c.fb, c.k));
    return static_cast<int8_t>(round_clamped(v, 0.0f, 255.0f) - 128);
  }
#if defined(__aarch64__)
  static int64_t in_vectors(const int8_t* a, const int8_t* b, int8_t* y, int64_t n, const BinaryConstants& c)
    requires(F == add || F == sub)
  {
    const float largest =
        255.0f * (__builtin_fabsf(c.fa) + __builtin_fabsf(c.fb)) + __builtin_fabsf(c.k);  // nearly
    return largest < 32000.0f ? sum_vectors<true>(a, b, y, n, c) : sum_vectors<false>(a, b, y, n, c);
  }
#endif
  static int8_t of(int8_t a, int8_t b, const BinaryConstants& c)
    requires(F == mul)
  {
    const auto product = static_cast<float>((a - c.za) * (b - c.zb));
    const float scaled = product * c.fa;
    return static_cast<int8_t>(round_clamped(scaled + c.k, 0.0f, 255.0f) - 128);
  }
  static int8_t of(int8_t a, int8_t b, const BinaryConstants& c)
    requires(F == BinaryFunction::div)
  {
    const float x = static_cast<float>(a - c.za) * c.fa, y = static_cast<float>(b - c.zb) * c.fb;
    return quantize_code(x / y / c.k, c.zy);
  }
  static int8_t of(int8_t a, int8_t b, const BinaryConstants&)
    requires(F == max || F == min)
  {
    return (F == max) == (a > b) ? a : b;
  }
  static bool of(int8_t a, int8_t b, const BinaryConstants& c)
    requires(is_comparison(F))
  {
    const float x = static_cast<float>(a - c.za) * c.fa, y = static_cast<float>(b - c.zb) * c.fb;
    return F == equal ? x == y : F == less ? x < y : x <= y;
  }
  static int8_t of(int8_t a, float b, const BinaryConstants& c)
    requires(F == prelu)
  {
    const int32_t x = a - c.za;
    return quantize_code(static_cast<float>(x) * (x >= 0 ? c.fa : b), c.zy);
  }
};

template <BinaryFunction F>
struct OfFloats {
  static auto of(float a, float b, const BinaryConstants&) {
    if constexpr (F == add) return a + b;
    if constexpr (F == sub) return a - b;
    if constexpr (F == mul) return a * b;
    if constexpr (F == BinaryFunction::div) return a / b;
    if constexpr (F == max) return ((a > b) | (a != a)) ? a : b;
    if constexpr (F == min) return ((a < b) | (a != a)) ? a : b;
    if constexpr (F == BinaryFunction::pow)
      return static_cast<float>(math::pow(static_cast<double>(a), static_cast<double>(b)));
    if constexpr (F == BinaryFunction::fmod) return math::fmod(a, b);
    if constexpr (F == equal) return a == b;
    if constexpr (F == less) return a < b;
    if constexpr (F == less_equal) return a <= b;
    if constexpr (F == prelu) return a >= 0.0f ? a : a * b;
  }
};

template <BinaryFunction... F>
constexpr void set_codes(BinaryTable& table) {
  (set_forms<int8_t, int8_t, int8_t, OfCodes<F>>(table[static_cast<size_t>(F)]), ...);
}
template <BinaryFunction... F>
constexpr void set_floats(BinaryTable& table) {
  (set_forms<float, float, float, OfFloats<F>>(table[static_cast<size_t>(F)]), ...);
}
template <class T, template <BinaryFunction> class Of, BinaryFunction... F>
constexpr void set_comparisons(BinaryTable& table) {
  (set_forms<T, T, bool, Of<F>>(table[static_cast<size_t>(F)]), ...);
}

constexpr BinaryLoops make_loops() {
  BinaryLoops loops{};
  set_codes<add, sub, mul, BinaryFunction::div, max, min>(loops.i8);
  set_comparisons<int8_t, OfCodes, equal, less, less_equal>(loops.i8);
  set_forms<int8_t, float, int8_t, OfCodes<prelu>>(loops.i8[static_cast<size_t>(prelu)]);
  set_floats<add, sub, mul, BinaryFunction::div, max, min, BinaryFunction::pow, BinaryFunction::fmod, prelu>(
      loops.f32);
  set_comparisons<float, OfFloats, equal, less, less_equal>(loops.f32);
  return loops;
}

}  // namespace

namespace OPENHB_ISA {
extern const BinaryLoops kBinaryLoops;
constinit const BinaryLoops kBinaryLoops = make_loops();
}  // namespace OPENHB_ISA

}  // namespace openhb::kernels
