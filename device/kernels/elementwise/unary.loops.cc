// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/elementwise/loop.h"
#include "device/kernels/elementwise/unary_loops.h"

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

template <UnaryFunction F>
void unary_row(const float* x, float* y, int64_t n, float alpha, float beta) {
  if constexpr (F == UnaryFunction::sin || F == UnaryFunction::cos || F == UnaryFunction::tan) {
    angle_row<F>(x, y, n);
  } else {
    OPENHB_SIDE_BY_SIDE
    for (int64_t i = 0; i < n; ++i) y[i] = math::unary_f32<F>(x[i], alpha, beta);
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
