// SPDX-License-Identifier: Apache-2.0
// For *.loops.cc: what a loop may assume, and rounding that vectorises on every instruction set.
#pragma once

#include <cstdint>

// The iterations of the loop that follows touch distinct elements, or exactly the same one (in place). Where
// a loop cannot be vectorised at some level that is no error.
#if defined(__clang__)
#pragma clang diagnostic ignored "-Wpass-failed"
#define OPENHB_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define OPENHB_INDEPENDENT _Pragma("GCC ivdep")
#else
#define OPENHB_INDEPENDENT
#endif

namespace openhb::kernels {

// N elements T as one value, however many registers that takes. For loops that the compiler does not
// vectorise because it knows their short extent.
template <class T, int64_t N>
struct VectorOf {
  using Type __attribute__((vector_size(N * static_cast<int64_t>(sizeof(T))))) = T;
};
template <class T, int64_t N>
using Vector = typename VectorOf<T, N>::Type;

template <class V>
inline constexpr int64_t kLanes = static_cast<int64_t>(sizeof(V) / sizeof(V{}[0]));

#define OPENHB_INLINE inline __attribute__((always_inline))

// rne(v) clamped to [lo, hi], for integers |lo|, |hi| < 2^22; NaN gives lo. Clamping first changes nothing,
// and adding 1.5 * 2^23 rounds ties to even and leaves the integer in the low bits.
static inline int32_t round_clamped(float v, float lo, float hi) {
  v = v > lo ? v : lo;
  v = v < hi ? v : hi;
  return __builtin_bit_cast(int32_t, v + 0x1.8p23f) - __builtin_bit_cast(int32_t, 0x1.8p23f);
}

// The same for N values.
template <int64_t N>
static OPENHB_INLINE Vector<int32_t, N> round_clamped(Vector<float, N> v, float lo, float hi) {
  v = v > lo ? v : lo - Vector<float, N>{};
  v = v < hi ? v : hi - Vector<float, N>{};
  return __builtin_bit_cast(Vector<int32_t, N>, v + 0x1.8p23f) - __builtin_bit_cast(int32_t, 0x1.8p23f);
}

// sat(rne(v)) + z as an int8 code; z in [-128, 127].
static inline int8_t quantize_code(float v, int32_t z) {
  const auto zf = static_cast<float>(z);
  return static_cast<int8_t>(round_clamped(v, -128.0f - zf, 127.0f - zf) + z);
}

}  // namespace openhb::kernels
