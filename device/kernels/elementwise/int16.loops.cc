// SPDX-License-Identifier: Apache-2.0
#include "common/steps/params.h"
#include "device/kernels/elementwise/int16_loops.h"
#include "device/kernels/elementwise/loop.h"

namespace openhb::kernels {
namespace {

template <class Y>
struct Codes;
template <>
struct Codes<int16_t> {
  static constexpr int32_t kLowest = -32768, kHighest = 32767;
};
template <>
struct Codes<int8_t> {
  static constexpr int32_t kLowest = -128, kHighest = 127;
};

// sat(rne(v) + zero); NaN gives the lowest code.
template <class Y>
Y code(float v, int32_t zero) {
  const auto z = static_cast<float>(zero);
  return static_cast<Y>(round_clamped(v, static_cast<float>(Codes<Y>::kLowest) - z,
                                      static_cast<float>(Codes<Y>::kHighest) - z) +
                        zero);
}

// docs/numerics.md "Binary" for int16.
template <class Y, BinaryFunction F>
Y apply(int16_t a, int16_t b, float fa, float fb, int32_t zero) {
  float v = 0;
  if constexpr (F == BinaryFunction::mul) {
    v = static_cast<float>(int32_t{a} * int32_t{b}) * fa;
  } else {
    const float scaled_b = static_cast<float>(b) * fb;
    if constexpr (F == BinaryFunction::add || F == BinaryFunction::sub) {
      v = __builtin_fmaf(static_cast<float>(a), fa, scaled_b);
    } else {
      const float scaled_a = static_cast<float>(a) * fa;
      if constexpr (F == BinaryFunction::max) v = scaled_a > scaled_b ? scaled_a : scaled_b;
      if constexpr (F == BinaryFunction::min) v = scaled_a < scaled_b ? scaled_a : scaled_b;
    }
  }
  return code<Y>(v, zero);
}

template <class Y, BinaryFunction F, BinaryForm Form>
void binary_row(const void* a_codes, const void* b_codes, void* y_codes, int64_t n,
                const BinaryConstants& constants) {
  const auto* a = static_cast<const int16_t*>(a_codes);
  const auto* b = static_cast<const int16_t*>(b_codes);
  Y* y = static_cast<Y*>(y_codes);
  const float fa = constants.fa, fb = constants.fb;
  const int32_t zero = constants.zy;
  if constexpr (Form == kBothDense) {
    OPENHB_INDEPENDENT
    for (int64_t i = 0; i < n; ++i) y[i] = apply<Y, F>(a[i], b[i], fa, fb, zero);
  } else if constexpr (Form == kScalarB) {
    const int16_t single = *b;
    OPENHB_INDEPENDENT
    for (int64_t i = 0; i < n; ++i) y[i] = apply<Y, F>(a[i], single, fa, fb, zero);
  } else {
    const int16_t single = *a;
    OPENHB_INDEPENDENT
    for (int64_t i = 0; i < n; ++i) y[i] = apply<Y, F>(single, b[i], fa, fb, zero);
  }
}

void quantize(const float* x, int16_t* y, int64_t n, float scale) {
  OPENHB_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) y[i] = code<int16_t>(x[i] / scale, 0);
}

void dequantize(const int16_t* x, float* y, int64_t n, float scale) {
  OPENHB_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) y[i] = static_cast<float>(x[i]) * scale;
}

template <class X, class Y>
void requantize(const X* x, void* y_codes, int64_t n, const RequantizeConstants& constants) {
  Y* y = static_cast<Y*>(y_codes);
  const RequantizeConstants c = constants;
  OPENHB_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) {
    const float real = static_cast<float>(x[i] - c.from_zero) * c.from_scale;
    y[i] = code<Y>(real / c.to_scale, c.to_zero);
  }
}

void look_up(const int8_t* x, int16_t* y, int64_t n, const int16_t* table) {
  OPENHB_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) y[i] = table[x[i] + 128];
}

template <class Y>
void interpolate(const int16_t* x, void* y_codes, int64_t n, const int32_t* table, int shift) {
  Y* y = static_cast<Y*>(y_codes);
  const int32_t step = 1 << shift, half = kLutOne / 2 << shift;
  OPENHB_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) {
    const int32_t u = x[i] + 32768, r = u & (step - 1);
    const int32_t* t = table + (u >> shift);
    const int32_t v = (t[0] * (step - r) + t[1] * r + half) >> (kLutFraction + shift);
    y[i] = static_cast<Y>(v < Codes<Y>::kLowest    ? Codes<Y>::kLowest
                          : v > Codes<Y>::kHighest ? Codes<Y>::kHighest
                                                   : v);
  }
}

#define OPENHB_FORMS(Y, F)                                                                   \
  {binary_row<Y, BinaryFunction::F, kBothDense>, binary_row<Y, BinaryFunction::F, kScalarB>, \
   binary_row<Y, BinaryFunction::F, kScalarA>}
#define OPENHB_FUNCTIONS(Y)                                                            \
  {                                                                                    \
    OPENHB_FORMS(Y, add), OPENHB_FORMS(Y, sub), OPENHB_FORMS(Y, mul), {}, /* no div */ \
        OPENHB_FORMS(Y, max), OPENHB_FORMS(Y, min), {}                                 \
  }

}  // namespace

namespace OPENHB_ISA {
extern const Int16Loops kInt16Loops;
const Int16Loops kInt16Loops = {{OPENHB_FUNCTIONS(int16_t), OPENHB_FUNCTIONS(int8_t)},
                                quantize,
                                dequantize,
                                {requantize<int16_t, int16_t>, requantize<int16_t, int8_t>},
                                {requantize<int8_t, int16_t>, requantize<int8_t, int8_t>},
                                look_up,
                                {interpolate<int16_t>, interpolate<int8_t>}};
}  // namespace OPENHB_ISA

}  // namespace openhb::kernels
