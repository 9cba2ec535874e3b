// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/spatial/pool_loops.h"

#include "device/kernels/elementwise/loop.h"
#include "device/kernels/elementwise/plane.h"

namespace openhb::kernels {
namespace {

// Op: first() starts a sum, next() takes N elements into it, last() makes N results of the sum over `count`
// positions.
template <int64_t N, class Op, class T>
OPENHB_INLINE auto pool_block(const T* x, const PoolRow& r, const PoolColumns& columns, const Op& op) {
  auto sum = op.template first<N>();
  const T* row = x + columns.first;
  for (int64_t i = 0; i < r.rows; ++i, row += r.row_step) {
    const T* pixel = row;
    for (int64_t j = 0; j < columns.count; ++j, pixel += r.column_step) {
      Vector<T, N> v;
      __builtin_memcpy(&v, pixel, sizeof v);
      sum = op.next(sum, v);
    }
  }
  return op.last(sum, r.positions != 0 ? r.positions : r.rows * columns.count);
}

// The last channels of a pixel, at most N.
template <int64_t N, class Op, class T, class Y>
OPENHB_INLINE void pool_rest(const T* x, Y* y, int64_t channels, const PoolRow& r, const PoolColumns& columns,
                             const Op& op) {
  const auto results = pool_block<N>(x, r, columns, op);
  if (channels == N)
    __builtin_memcpy(y, &results, sizeof results);
  else
    copy_few(y, &results, channels * static_cast<int64_t>(sizeof(Y)));
}

template <class Op, class T, class Y>
void pool_row(const T* x, Y* y, const PoolRow& row, const Op op) {
  // Accumulators should stay in registers.
  constexpr int64_t kBlock = sizeof(typename Op::Sum) == 1 ? 64 : 32;
  const PoolRow r = row;
  for (int64_t p = 0; p < r.pixels; ++p, y += r.y_step) {
    const PoolColumns columns = r.columns[p];
    int64_t c = 0;
    for (; c + kBlock <= r.channels; c += kBlock) {
      const auto results = pool_block<kBlock>(x + c, r, columns, op);
      __builtin_memcpy(y + c, &results, sizeof results);
    }
    for (; c + 16 <= r.channels; c += 16) {
      const auto results = pool_block<16>(x + c, r, columns, op);
      __builtin_memcpy(y + c, &results, sizeof results);
    }
    const int64_t rest = r.channels - c;
    if (rest > 8)
      pool_rest<16>(x + c, y + c, rest, r, columns, op);
    else if (rest > 4)
      pool_rest<8>(x + c, y + c, rest, r, columns, op);
    else if (rest > 0)
      pool_rest<4>(x + c, y + c, rest, r, columns, op);
  }
}

template <class T, int kLowest>
struct MaxInteger {
  using Sum = T;
  template <int64_t N>
  OPENHB_INLINE static Vector<T, N> first() {
    return Vector<T, N>{} + static_cast<T>(kLowest);
  }
  template <class V>
  OPENHB_INLINE static V next(const V& s, const V& x) {
    return s > x ? s : x;
  }
  template <class V>
  OPENHB_INLINE static V last(const V& s, int64_t) {
    return s;
  }
};
using MaxI8 = MaxInteger<int8_t, -128>;
using MaxI16 = MaxInteger<int16_t, -32768>;

struct MaxF32 {
  using Sum = float;
  template <int64_t N>
  OPENHB_INLINE static Vector<float, N> first() {
    return Vector<float, N>{} - __builtin_huge_valf();
  }
  template <class V>
  OPENHB_INLINE static V next(const V& s, const V& x) {
    return ((s > x) | (s != s)) ? s : x;
  }
  template <class V>
  OPENHB_INLINE static V last(const V& s, int64_t) {
    return s;
  }
};

struct AverageI8 {
  using Sum = float;
  PoolQuant q;
  template <int64_t N>
  OPENHB_INLINE static Vector<float, N> first() {
    return Vector<float, N>{};
  }
  template <class V, class X>
  OPENHB_INLINE V next(const V& s, const X& x) const {
    using Ints = Vector<int32_t, kLanes<V>>;
    return s + q.x_scale * __builtin_convertvector(__builtin_convertvector(x, Ints) - q.x_zero, V);
  }
  template <class V>
  OPENHB_INLINE auto last(const V& s, int64_t count) const {
    constexpr int64_t kN = kLanes<V>;
    const V scaled = s / static_cast<float>(count) / q.y_scale;
    const auto codes = round_clamped<kN>(scaled + static_cast<float>(q.y_zero + 128), 0.0f, 255.0f) - 128;
    return __builtin_convertvector(codes, Vector<int8_t, kN>);
  }
};

struct AverageF32 {
  using Sum = float;
  template <int64_t N>
  OPENHB_INLINE static Vector<float, N> first() {
    return Vector<float, N>{};
  }
  template <class V>
  OPENHB_INLINE static V next(const V& s, const V& x) {
    return s + x;
  }
  template <class V>
  OPENHB_INLINE static V last(const V& s, int64_t count) {
    return s / static_cast<float>(count);
  }
};

struct GlobalI8 {
  using Sum = int32_t;
  PoolQuant q;
  template <int64_t N>
  OPENHB_INLINE static Vector<int32_t, N> first() {
    return Vector<int32_t, N>{};
  }
  template <class V, class X>
  OPENHB_INLINE static V next(const V& s, const X& x) {
    return s + __builtin_convertvector(x, V);
  }
  template <class V>
  OPENHB_INLINE auto last(const V& s, int64_t count) const {
    constexpr int64_t kN = kLanes<V>;
    const auto zero = static_cast<float>(q.y_zero);
    const V sum = s - static_cast<int32_t>(count) * q.x_zero;
    const auto codes = round_clamped<kN>(__builtin_convertvector(sum, Vector<float, kN>) * q.multiplier,
                                         -128.0f - zero, 127.0f - zero) +
                       q.y_zero;
    return __builtin_convertvector(codes, Vector<int8_t, kN>);
  }
};

// docs/numerics.md: the exact sum, times a multiplier in binary64.
template <class Y, int kLowest, int kHighest>
struct AverageI16 {
  using Sum = int64_t;
  PoolQuant q;
  template <int64_t N>
  OPENHB_INLINE static Vector<int64_t, N> first() {
    return Vector<int64_t, N>{};
  }
  template <class V, class X>
  OPENHB_INLINE static V next(const V& s, const X& x) {
    return s + __builtin_convertvector(x, V);
  }
  template <class V>
  OPENHB_INLINE auto last(const V& s, int64_t count) const {
    constexpr int64_t kN = kLanes<V>;
    const double multiplier =
        static_cast<double>(q.x_scale) / (static_cast<double>(q.y_scale) * static_cast<double>(count));
    Vector<Y, kN> codes;
    for (int64_t c = 0; c < kN; ++c) {
      double v = static_cast<double>(s[c]) * multiplier;
      v = v > kLowest - q.y_zero ? v : kLowest - q.y_zero;  // NaN gives the lowest code
      v = v < kHighest - q.y_zero ? v : kHighest - q.y_zero;
      v += 0x1.8p52;  // rounds, and leaves the integer in the low bits
      codes[c] = static_cast<Y>(static_cast<int32_t>(__builtin_bit_cast(int64_t, v)) + q.y_zero);
    }
    return codes;
  }
};

void max_i8(const int8_t* x, int8_t* y, const PoolRow& r) { pool_row(x, y, r, MaxI8{}); }
void max_i16(const int16_t* x, int16_t* y, const PoolRow& r) { pool_row(x, y, r, MaxI16{}); }
void max_f32(const float* x, float* y, const PoolRow& r) { pool_row(x, y, r, MaxF32{}); }
void average_f32(const float* x, float* y, const PoolRow& r) { pool_row(x, y, r, AverageF32{}); }
void average_i8(const int8_t* x, int8_t* y, const PoolRow& r, const PoolQuant& q) {
  pool_row(x, y, r, AverageI8{q});
}
void global_i8(const int8_t* x, int8_t* y, const PoolRow& r, const PoolQuant& q) {
  pool_row(x, y, r, GlobalI8{q});
}
void average_i16(const int16_t* x, int16_t* y, const PoolRow& r, const PoolQuant& q) {
  pool_row(x, y, r, AverageI16<int16_t, -32768, 32767>{q});
}
void average_i16_to_i8(const int16_t* x, int8_t* y, const PoolRow& r, const PoolQuant& q) {
  pool_row(x, y, r, AverageI16<int8_t, -128, 127>{q});
}

}  // namespace

namespace OPENHB_ISA {
extern const PoolLoops kPoolLoops;
const PoolLoops kPoolLoops = {max_i8,    max_f32, average_i8,  average_f32,
                              global_i8, max_i16, average_i16, average_i16_to_i8};
}  // namespace OPENHB_ISA

}  // namespace openhb::kernels
