// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/elementwise/loop.h"
#include "device/kernels/elementwise/unary_loops.h"

#if defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace openhb::kernels {
namespace {

// The functions are long chains: in-order cores need several side by side to be busy.
#if defined(__clang__) && defined(__aarch64__)
#define OPENHB_SIDE_BY_SIDE _Pragma("clang loop vectorize(assume_safety) interleave_count(4)")
#else
#define OPENHB_SIDE_BY_SIDE OPENHB_INDEPENDENT
#endif

// Angles that are huge need long integer arithmetic: blocks without any run the vector loop.
template <UnaryFunction F>
double angle_function(double x) {
  if constexpr (F == UnaryFunction::sin) return math::sin(x);
  if constexpr (F == UnaryFunction::cos) return math::cos(x);
  if constexpr (F == UnaryFunction::tan) return math::tan(x);
}
template <UnaryFunction F>
double moderate_angle_function(double x) {
  if constexpr (F == UnaryFunction::sin) return math::sin_moderate(x);
  if constexpr (F == UnaryFunction::cos) return math::cos_moderate(x);
  if constexpr (F == UnaryFunction::tan) return math::tan_moderate(x);
}
template <UnaryFunction F>
void angle_row(const float* x, float* y, int64_t n) {
  constexpr int64_t kBlock = 1024;
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    const int64_t end = begin + kBlock < n ? begin + kBlock : n;
    int32_t huge = 0;
    for (int64_t i = begin; i < end; ++i)
      huge |= !(__builtin_fabsf(x[i]) < static_cast<float>(math::kModerateAngle));
    if (huge != 0) {
      for (int64_t i = begin; i < end; ++i)
        y[i] = static_cast<float>(angle_function<F>(static_cast<double>(x[i])));
    } else {
      OPENHB_INDEPENDENT
      for (int64_t i = begin; i < end; ++i)
        y[i] = static_cast<float>(moderate_angle_function<F>(static_cast<double>(x[i])));
    }
  }
}

#if defined(__aarch64__)
// math::sigmoid by hand, operation by operation, for eight values at a time in stages: in-order cores wait
// for a division until its result is used, so all four come first. Returns how many values are done.
int64_t sigmoid_vectors(const float* x, float* y, int64_t n) {
  constexpr double kInverseFactorial[] = {1.0 / 2,       1.0 / 6,       1.0 / 24,    1.0 / 120,
                                          1.0 / 720,     1.0 / 5040,    1.0 / 40320, 1.0 / 362880,
                                          1.0 / 3628800, 1.0 / 39916800};
  const auto all = [](double v) { return vdupq_n_f64(v); };
  // Keeps the compiler from putting one chain behind the other.
  const auto stage = [](float64x2_t(&v)[4]) {
    asm volatile("" : "+w"(v[0]), "+w"(v[1]), "+w"(v[2]), "+w"(v[3]));
  };
  const float32x4_t lowest = vdupq_n_f32(-708.0f), highest = vdupq_n_f32(709.0f);
  const float64x2_t inverse_ln2 = all(0x1.71547652b82fep+0), round = all(math::kRound),
                    ln2_hi = all(math::kLn2Hi), ln2_lo = all(math::kLn2Lo), one = all(1.0);
  float64x2_t c[10];
  for (int k = 0; k < 10; ++k) c[k] = all(kInverseFactorial[k]);
  // 1 + e^-x of the values before these; their quotients are computed beside the next values' first steps.
  float64x2_t sums[4] = {one, one, one, one};
  const auto store = [&](const float64x2_t(&q)[4], float* to) {
    for (int j = 0; j < 2; ++j)
      vst1q_f32(to + 4 * j, vcvt_high_f32_f64(vcvt_f32_f64(q[2 * j]), q[2 * j + 1]));
  };
  if (n < 8) return 0;
  float32x4_t ahead[2] = {vnegq_f32(vld1q_f32(x)), vnegq_f32(vld1q_f32(x + 4))};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    float64x2_t r[4], scale[4], t[4], next[4];
    for (auto& v : sums) v = vdivq_f64(one, v);
    stage(sums);
    for (int j = 0; j < 2; ++j) {
      const float32x4_t v = vminq_f32(vmaxq_f32(ahead[j], lowest), highest);  // NaN stays
      r[2 * j] = vcvt_f64_f32(vget_low_f32(v)), r[2 * j + 1] = vcvt_high_f64_f32(v);
    }
    stage(r);
    for (int j = 0; j < 4; ++j) scale[j] = vfmaq_f64(round, r[j], inverse_ln2);
    stage(scale);
    store(sums, y + (i == 0 ? 0 : i - 8));  // at first something, in place of which the results come later
    for (int j = 0; j < 4; ++j) t[j] = vsubq_f64(scale[j], round);
    stage(t);
    for (int j = 0; j < 4; ++j) r[j] = vfmsq_f64(r[j], t[j], ln2_hi);
    stage(r);
    for (int j = 0; j < 4; ++j) r[j] = vfmsq_f64(r[j], t[j], ln2_lo);
    for (auto& v : t) v = c[9];
    for (int k = 8; k >= 0; --k) {
      for (auto& v : next) v = c[k];
      stage(next);
      for (int j = 0; j < 4; ++j) next[j] = vfmaq_f64(next[j], t[j], r[j]);
      stage(next);
      for (int j = 0; j < 4; ++j) t[j] = next[j];
    }
    const float* from = x + (i + 16 <= n ? i + 8 : i);
    for (int j = 0; j < 2; ++j) ahead[j] = vnegq_f32(vld1q_f32(from + 4 * j));
    for (int j = 0; j < 4; ++j) next[j] = vmulq_f64(r[j], r[j]);
    for (auto& v : scale)
      v = vreinterpretq_f64_s64(vshlq_n_s64(vaddq_s64(vreinterpretq_s64_f64(v), vdupq_n_s64(1023)), 52));
    for (int j = 0; j < 4; ++j) t[j] = vfmaq_f64(r[j], next[j], t[j]);
    stage(t);
    for (int j = 0; j < 4; ++j) t[j] = vfmaq_f64(scale[j], scale[j], t[j]);
    stage(t);
    for (int j = 0; j < 4; ++j) sums[j] = vaddq_f64(one, t[j]);
  }
  for (auto& v : sums) v = vdivq_f64(one, v);
  store(sums, y + i - 8);
  return i;
}
#else
int64_t sigmoid_vectors(const float*, float*, int64_t) { return 0; }
#endif

template <UnaryFunction F>
void unary_row(const float* x, float* y, int64_t n, float alpha, float beta) {
  if constexpr (F == UnaryFunction::sin || F == UnaryFunction::cos || F == UnaryFunction::tan) {
    angle_row<F>(x, y, n);
  } else {
    int64_t done = 0;
    if constexpr (F == UnaryFunction::sigmoid) done = sigmoid_vectors(x, y, n);
    OPENHB_SIDE_BY_SIDE
    for (int64_t i = done; i < n; ++i) y[i] = math::unary_f32<F>(x[i], alpha, beta);
  }
}

template <int... I>
constexpr UnaryLoops make_loops(std::integer_sequence<int, I...>) {
  return {{unary_row<static_cast<UnaryFunction>(I)>...}};
}

}  // namespace

namespace OPENHB_ISA {
extern const UnaryLoops kUnaryLoops;
constinit const UnaryLoops kUnaryLoops = make_loops(std::make_integer_sequence<int, math::kUnaryFunctions>());
}  // namespace OPENHB_ISA

}  // namespace openhb::kernels
