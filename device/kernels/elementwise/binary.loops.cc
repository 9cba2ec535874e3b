// SPDX-License-Identifier: Apache-2.0
#include "common/math/elementary.h"
#include "common/math/remainder.h"
#include "device/kernels/elementwise/binary_form.h"

namespace openhb::kernels {
namespace {

using enum BinaryFunction;

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
