// SPDX-License-Identifier: Apache-2.0
// Requantization of accumulators in memory, 16 at a time: requantize.h in loops that vectorise.
#include "device/kernels/conv/finish_tile.h"

namespace openhb::conv {
namespace {

inline double to_double(int64_t v) {
#if defined(__AVX2__) && !defined(__AVX512DQ__)  // has no such conversion of vectors
  const auto high = static_cast<double>(static_cast<int32_t>(v >> 32));
  const int64_t low = (v & 0xffffffff) | 0x4330000000000000;  // 2^52 + low
  return high * 0x1p32 + (__builtin_bit_cast(double, low) - 0x1p52);
#else
  return static_cast<double>(v);
#endif
}

// The nearest integer, ties to even, of a magnitude below 2^31 (float: 2^22).
inline int32_t nearest(double v) { return static_cast<int32_t>(__builtin_bit_cast(int64_t, v + 0x1.8p52)); }
inline int32_t nearest(float v) { return __builtin_bit_cast(int32_t, v + 0x1.8p23f) - 0x4b400000; }

// Bounded; a NaN gives lo.
template <class F>
int32_t code(F v, const OutputStage& s) {
  v = v > F{s.lo} ? v : F{s.lo};
  v = v < F{s.hi} ? v : F{s.hi};
  return nearest(v) + s.zero_point;
}

inline void convert(int64_t sum, double m, const OutputStage& s, int16_t& y) {
  y = static_cast<int16_t>(code(to_double(sum) * m, s));
}
inline void convert(int64_t sum, double m, const OutputStage& s, int8_t& y) {
  y = static_cast<int8_t>(code(to_double(sum) * m, s));
}
inline void convert(int64_t sum, double m, const OutputStage& s, float& y) {
  const auto v = static_cast<float>(to_double(sum) * m);
  y = v < s.lo ? s.lo : v > s.hi ? s.hi : v;  // NaN passes
}
inline void convert(int32_t sum, float m, const OutputStage& s, int16_t& y) {
  y = static_cast<int16_t>(code(static_cast<float>(sum) * m, s));
}

template <class B, class M, class Y>
void run(const FinishTile& t) {
  for (int32_t pixel = 0; pixel < t.pixels; ++pixel) {
    const B* sums = static_cast<const B*>(t.sums) + pixel * t.sums_pitch;
    const M* multiplier = static_cast<const M*>(t.multiplier);
    char* y = t.y + pixel * t.y_pitch;
    for (int32_t o = 0; o < t.outputs; o += 16) {
      Y values[16];
      for (int i = 0; i < 16; ++i) convert(sums[o + i], multiplier[o + i], t.stage, values[i]);
      const int32_t count = t.outputs - o;
      if (count >= 16)
        __builtin_memcpy(y + o * static_cast<int64_t>(sizeof(Y)), values, sizeof(values));
      else
        __builtin_memcpy(y + o * static_cast<int64_t>(sizeof(Y)), values,
                         static_cast<unsigned long>(count) * sizeof(Y));
    }
  }
}

}  // namespace

namespace OPENHB_ISA {
void finish(const FinishTile& t) {
  switch (t.kind) {
    case FinishKind::i64_i16:
      return run<int64_t, double, int16_t>(t);
    case FinishKind::i64_i8:
      return run<int64_t, double, int8_t>(t);
    case FinishKind::i64_f32:
      return run<int64_t, double, float>(t);
    case FinishKind::i32_i16:
      return run<int32_t, float, int16_t>(t);
  }
}
}  // namespace OPENHB_ISA

}  // namespace openhb::conv
