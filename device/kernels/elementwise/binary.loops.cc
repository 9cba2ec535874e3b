// SPDX-License-Identifier: Apache-2.0
#include "common/math/elementary.h"
#include "common/steps/params.h"
#include "device/kernels/elementwise/binary_loops.h"
#include "device/kernels/elementwise/loop.h"

namespace openhb::kernels {
namespace {

template <BinaryFunction F>
struct Apply {
  // docs/numerics.md "Binary": on u codes, u = q + 128.
  static int8_t of(int8_t a, int8_t b, const BinaryConstants& c) {
    float v = 0;
    if constexpr (F == BinaryFunction::mul) {
      const auto product = static_cast<float>((a - c.za) * (b - c.zb));
      const float scaled = product * c.fa;
      v = scaled + c.k;
    } else {
      v = __builtin_fmaf(static_cast<float>(a + 128), c.fa,
                         __builtin_fmaf(static_cast<float>(b + 128), c.fb, c.k));
    }
    return static_cast<int8_t>(round_clamped(v, 0.0f, 255.0f) - 128);
  }

  static float of(float a, float b, const BinaryConstants&) {
    if constexpr (F == BinaryFunction::add) return a + b;
    if constexpr (F == BinaryFunction::sub) return a - b;
    if constexpr (F == BinaryFunction::mul) return a * b;
    if constexpr (F == BinaryFunction::div) return a / b;
    if constexpr (F == BinaryFunction::max) return ((a > b) | (a != a)) ? a : b;
    if constexpr (F == BinaryFunction::min) return ((a < b) | (a != a)) ? a : b;
    if constexpr (F == BinaryFunction::pow)
      return static_cast<float>(math::pow(static_cast<double>(a), static_cast<double>(b)));
  }

  // Two's complement: add, sub, mul wrap; x / 0 = 0.
  template <class T, class U>
  static T integer(T a, T b) {
    const auto ua = static_cast<U>(a), ub = static_cast<U>(b);
    if constexpr (F == BinaryFunction::add) return static_cast<T>(ua + ub);
    if constexpr (F == BinaryFunction::sub) return static_cast<T>(ua - ub);
    if constexpr (F == BinaryFunction::mul) return static_cast<T>(ua * ub);
    if constexpr (F == BinaryFunction::div) {
      if (b == 0) return 0;
      return b == -1 ? static_cast<T>(U{0} - ua) : static_cast<T>(a / b);
    }
    if constexpr (F == BinaryFunction::max) return a > b ? a : b;
    if constexpr (F == BinaryFunction::min) return a < b ? a : b;
  }
  static int32_t of(int32_t a, int32_t b, const BinaryConstants&) { return integer<int32_t, uint32_t>(a, b); }
  static int64_t of(int64_t a, int64_t b, const BinaryConstants&) { return integer<int64_t, uint64_t>(a, b); }
};

template <class T, BinaryFunction F, BinaryForm Form>
void binary_row(const void* a_bytes, const void* b_bytes, void* y_bytes, int64_t n,
                const BinaryConstants& constants) {
  const T* a = static_cast<const T*>(a_bytes);
  const T* b = static_cast<const T*>(b_bytes);
  T* y = static_cast<T*>(y_bytes);
  const BinaryConstants c = constants;
  if constexpr (Form == kBothDense) {
    OPENHB_INDEPENDENT
    for (int64_t i = 0; i < n; ++i) y[i] = Apply<F>::of(a[i], b[i], c);
  } else if constexpr (Form == kScalarB) {
    const T single = *b;
    OPENHB_INDEPENDENT
    for (int64_t i = 0; i < n; ++i) y[i] = Apply<F>::of(a[i], single, c);
  } else {
    const T single = *a;
    OPENHB_INDEPENDENT
    for (int64_t i = 0; i < n; ++i) y[i] = Apply<F>::of(single, b[i], c);
  }
}

#define OPENHB_FORMS(T, F)                                                                   \
  {binary_row<T, BinaryFunction::F, kBothDense>, binary_row<T, BinaryFunction::F, kScalarB>, \
   binary_row<T, BinaryFunction::F, kScalarA>}
#define OPENHB_INTEGER_FUNCTIONS(T)                                                         \
  {                                                                                         \
    OPENHB_FORMS(T, add), OPENHB_FORMS(T, sub), OPENHB_FORMS(T, mul), OPENHB_FORMS(T, div), \
        OPENHB_FORMS(T, max), OPENHB_FORMS(T, min), {}                                      \
  }

}  // namespace

namespace OPENHB_ISA {
extern const BinaryLoops kBinaryLoops;
const BinaryLoops kBinaryLoops = {
    {OPENHB_FORMS(int8_t, add), OPENHB_FORMS(int8_t, sub), OPENHB_FORMS(int8_t, mul), {}, {}, {}, {}},
    {OPENHB_FORMS(float, add), OPENHB_FORMS(float, sub), OPENHB_FORMS(float, mul), OPENHB_FORMS(float, div),
     OPENHB_FORMS(float, max), OPENHB_FORMS(float, min), OPENHB_FORMS(float, pow)},
    OPENHB_INTEGER_FUNCTIONS(int32_t),
    OPENHB_INTEGER_FUNCTIONS(int64_t)};
}  // namespace OPENHB_ISA

}  // namespace openhb::kernels
