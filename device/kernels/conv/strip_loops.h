// SPDX-License-Identifier: Apache-2.0
// int8 Depthwise for aarch64, 8 channels at a time. The columns of a strip of input rows are brought into the
// form that the multiplications want once; then every output column finds those under its window ready, and
// (rows one apart) so does the output row below. Static functions only: every ISA file has its own copy.
#pragma once

#include <arm_neon.h>
#include <stddef.h>

#include "device/kernels/conv/strip.h"

// All iterations of a short loop over registers.
#if defined(__clang__)
#define OPENHB_UNROLL _Pragma("clang loop unroll(full)")
#else
#define OPENHB_UNROLL _Pragma("GCC unroll 16")
#endif

namespace openhb::conv {
namespace {

// An arithmetic A multiplies A::kRows rows of the window at a time: a column of so many rows and 8 channels
// is an *entry* of A::kVectors vectors, in the strip as in the weights.
//   static void make(const int8x16_t (&rows)[kRows], Vector* entry): rows in the lower halves
//   static void add(int32x4_t (&acc)[2], const Vector* x, const Vector* w)

// 128 bits by two loads of 64: on in-order cores these pair with arithmetic, one of 128 bits does not.
inline int8x16_t load_halves(const int8x16_t* p) {
  const auto* from = reinterpret_cast<const int64_t*>(p);
  return vreinterpretq_s8_s64(vld1q_lane_s64(from + 1, vcombine_s64(vld1_s64(from), vdup_n_s64(0)), 1));
}
inline int16x8_t load_halves(const int16x8_t* p) {
  return vreinterpretq_s16_s8(load_halves(reinterpret_cast<const int8x16_t*>(p)));
}
inline int32x4_t load_halves(const int32_t* p) {
  return vreinterpretq_s32_s8(load_halves(reinterpret_cast<const int8x16_t*>(p)));
}

// What does not change within a block of 8 channels. Passed by value where outputs are stored: as a copy,
// which they cannot overlap, it stays in registers.
template <class A>
struct Block {
  using Vector = typename A::Vector;
  const Vector* weights;     // [out row][kw][groups] entries
  Vector* strip;             // [column][groups] entries
  int64_t kw, groups;        // groups: of A::kRows rows of the window
  int64_t weight_row;        // vectors between the weights for the first and the second output row
  int64_t stride, dilation;  // in columns of the strip
  const int32_t* bias;
  float32x4_t multiplier[2];
  int8x16_t lo, hi;
  int16x8_t zero_point;
  const OutputStage* stage;
  int64_t channels;
};

// Outputs come in pairs: of two rows at one column, or of one row at two columns.
using Sums = int32x4_t[2][2];  // [output of the pair][half of the 8 channels]

template <class A>
inline void start(const Block<A>& b, Sums& acc) {
  for (auto& a : acc)
    for (int half = 0; half < 2; ++half) a[half] = load_halves(b.bias + 4 * half);
}

// Bounded: every product, rounded, fits 16 bits with the zero point added, so that saturation can replace the
// clamp.
template <class A, bool Bounded>
inline int8x16_t codes_of(const Block<A>& b, const Sums& acc) {
  int16x8_t narrow[2];
  for (int i = 0; i < 2; ++i) {
    int32x4_t q[2];
    for (int half = 0; half < 2; ++half) {
      float32x4_t v = vmulq_f32(vcvtq_f32_s32(acc[i][half]), b.multiplier[half]);
      if (!Bounded)  // NaN gives lo
        v = vminnmq_f32(vmaxnmq_f32(v, vdupq_n_f32(b.stage->lo)), vdupq_n_f32(b.stage->hi));
      q[half] = vcvtnq_s32_f32(v);
    }
    narrow[i] = vaddq_s16(vuzp1q_s16(vreinterpretq_s16_s32(q[0]), vreinterpretq_s16_s32(q[1])), b.zero_point);
  }
  return vminq_s8(vmaxq_s8(vqmovn_high_s16(vqmovn_s16(narrow[0]), narrow[1]), b.lo), b.hi);
}

struct Target {
  char *first, *second;  // outputs of the pair
  int64_t step;          // bytes to the next pair
  void advance() { first += step, second += step; }
};

// Whole blocks of codes.
struct StoreCodes {
  template <class A>
  static void store(const Block<A>& b, const Sums& acc, const Target& y) {
    const int8x16_t codes = codes_of<A, true>(b, acc);
    vst1_s8(reinterpret_cast<int8_t*>(y.first), vget_low_s8(codes));
    vst1q_lane_s64(reinterpret_cast<int64_t*>(y.second), vreinterpretq_s64_s8(codes), 1);
  }
};

// Anything else: parts of a block, int32 outputs, large multipliers.
struct StoreAny {
  template <class A>
  static void store(const Block<A>& b, const Sums& acc, const Target& y) {
    alignas(16) char bytes[64];
    const size_t count = b.channels < 8 ? static_cast<size_t>(b.channels) : 8;
    if (b.stage->raw) {
      for (int i = 0; i < 4; ++i) vst1q_s32(reinterpret_cast<int32_t*>(bytes) + i * 4, acc[i / 2][i % 2]);
      __builtin_memcpy(y.first, bytes, count * 4);
      __builtin_memcpy(y.second, bytes + 32, count * 4);
      return;
    }
    const int8x16_t codes = codes_of<A, false>(b, acc);
    vst1q_s8(reinterpret_cast<int8_t*>(bytes), codes);
    __builtin_memcpy(y.first, bytes, count);
    __builtin_memcpy(y.second, bytes + 8, count);
  }
};

// Where the pairs of a call lie: `pairs` to a row, and one more that repeats an output where `odd`.
struct PairWalk {
  int64_t pairs, rows;
  int64_t x, w;  // vectors from what the first output reads, in strip and weights, to what the second does
  int64_t x_step, x_row;  // vectors of the strip between pairs, between rows
  char *first, *second;   // outputs
  int64_t y_step, y_row;  // bytes
  bool odd;
};

// A window of Kw columns and Groups groups whose weights stay in registers. The sums of a pair are stored
// while those of the next one are made.
template <class A, class Store, int Kw, int Groups, bool TwoRows>
void run_small(Block<A> b, PairWalk p) {
  constexpr int kEntries = Kw * Groups, kVectors = A::kVectors;
  typename A::Vector w[TwoRows ? 2 : 1][kEntries][kVectors];
  for (int i = 0; i < (TwoRows ? 2 : 1); ++i)
    for (int e = 0; e < kEntries; ++e)
      for (int v = 0; v < kVectors; ++v) w[i][e][v] = b.weights[i * p.w + e * kVectors + v];
  const int64_t column = b.dilation * Groups * kVectors;
  const typename A::Vector* x = b.strip;
  const auto sum = [&](Sums& acc) {
    start(b, acc);
    OPENHB_UNROLL
    for (int e = 0; e < kEntries; ++e) {
      const auto* at = x + e / Groups * column + e % Groups * kVectors;
      typename A::Vector entry[2][kVectors];
      for (int v = 0; v < kVectors; ++v) {
        entry[0][v] = load_halves(at + v);
        entry[1][v] = TwoRows ? entry[0][v] : load_halves(at + p.x + v);
      }
      for (int i = 0; i < 2; ++i) A::add(acc[i], entry[i], w[TwoRows ? i : 0][e]);
    }
    x += p.x_step;
  };
  Sums even, odd;
  Target y{}, waiting{};  // of `even`
  const auto swap = [&] {
    for (int i = 0; i < 4; ++i) even[i / 2][i % 2] = odd[i / 2][i % 2];
  };
  for (int64_t row = 0; row < p.rows; ++row) {
    x = b.strip + row * p.x_row;
    y = {p.first + row * p.y_row, p.second + row * p.y_row, p.y_step};
    int64_t left = p.pairs;
    if (row == 0) {
      sum(even);
    } else {
      sum(odd);
      Store::store(b, even, waiting);
      swap();
    }
    for (--left; left > 1; left -= 2) {
      sum(odd);
      Store::store(b, even, y);
      y.advance();
      sum(even);
      Store::store(b, odd, y);
      y.advance();
    }
    if (left > 0) {
      sum(odd);
      Store::store(b, even, y);
      y.advance();
      swap();
    }
    if (p.odd) {
      x -= p.x;
      sum(odd);
      Store::store(b, even, y);
      y.first = y.second, y.second += p.second - p.first;
      swap();
    }
    waiting = y;
  }
  Store::store(b, even, waiting);
}

// The same for any window, N pairs at a time.
template <class A, class Store, int N>
void run_any(const Block<A>& b, const PairWalk& p, const typename A::Vector* x, Target y) {
  constexpr int kVectors = A::kVectors;
  Sums acc[N];
  for (auto& a : acc) start(b, a);
  const typename A::Vector* w = b.weights;
  for (int64_t j = 0; j < b.kw; ++j)
    for (int64_t g = 0; g < b.groups; ++g, w += kVectors) {
      const auto* at = x + (j * b.dilation * b.groups + g) * kVectors;
      typename A::Vector weights[2][kVectors];
      for (int v = 0; v < kVectors; ++v) {
        weights[0][v] = load_halves(w + v);
        weights[1][v] = load_halves(w + p.w + v);
      }
      for (int n = 0; n < N; ++n)
        for (int i = 0; i < 2; ++i) {
          typename A::Vector entry[kVectors];
          for (int v = 0; v < kVectors; ++v) entry[v] = load_halves(at + n * p.x_step + i * p.x + v);
          A::add(acc[n][i], entry, weights[i]);
        }
    }
  for (auto& a : acc) {
    Store::store(b, a, y);
    y.advance();
  }
}

template <class A, class Store>
void run_pairs(const Block<A>& b, const PairWalk& p) {
  constexpr int kGroups = (3 + A::kRows - 1) / A::kRows;
  if (b.kw == 3 && b.groups == kGroups)
    return p.w != 0 ? run_small<A, Store, 3, kGroups, true>(b, p)
                    : run_small<A, Store, 3, kGroups, false>(b, p);
  for (int64_t row = 0; row < p.rows; ++row) {
    const typename A::Vector* x = b.strip + row * p.x_row;
    Target y{p.first + row * p.y_row, p.second + row * p.y_row, p.y_step};
    int64_t left = p.pairs;
    for (; left >= 4; left -= 4, x += 4 * p.x_step) {
      run_any<A, Store, 4>(b, p, x, y);
      y.first += 4 * y.step, y.second += 4 * y.step;
    }
    for (; left > 0; --left, x += p.x_step, y.advance()) run_any<A, Store, 1>(b, p, x, y);
    if (p.odd) run_any<A, Store, 1>(b, p, x - p.x, {y.first - (p.second - p.first), y.first, 0});
  }
}

// Output columns [o, o + columns) of all units, whose strips start with the window of the first of them and
// lie `x_row` vectors apart.
template <class A, class Store>
void run_columns(const DepthwiseStrip& t, const Block<A>& b, char* y, int64_t columns, int64_t x_row) {
  const int64_t step = b.stride * b.groups * A::kVectors, y_row = t.out_rows * t.y_row_pitch;
  if (t.out_rows == 2)
    return run_pairs<A, Store>(
        b, {columns, t.units, 0, b.weight_row, step, x_row, y, y + t.y_row_pitch, t.y_pitch, y_row, false});
  if (columns == 1)  // a pair of the same output
    return run_pairs<A, Store>(b, {1, t.units, 0, 0, step, x_row, y, y, 0, y_row, false});
  run_pairs<A, Store>(b, {columns / 2, t.units, step, 0, 2 * step, x_row, y, y + t.y_pitch, 2 * t.y_pitch,
                          y_row, columns % 2 != 0});
}

inline int8x16_t load_low(const int8_t* p) { return vcombine_s8(vld1_s8(p), vdup_n_s8(0)); }

// One instruction, which compilers do not find.
inline int8x16_t load_and_step(const int8_t*& p, int64_t step) {
  int8x16_t v;
  asm("ld1 {%0.8b}, [%1], %2" : "=w"(v), "+r"(p) : "r"(step), "m"(*reinterpret_cast<const int64_t*>(p)));
  return v;
}

// Entries of `n` input columns from `column` on, `step` columns apart, of one group of a unit's rows. strip:
// the entry of the first; entries are `pitch` vectors apart.
template <class A>
void fill_group(const DepthwiseStrip& t, const int8_t* const* rows, int64_t group, int64_t channel,
                int64_t column, int64_t step, int64_t n, typename A::Vector* strip, int64_t pitch) {
  const int8_t* row[A::kRows];
  int64_t advance[A::kRows];
  int8x16_t pixel[A::kRows];
  for (int i = 0; i < A::kRows; ++i) {
    const int64_t at = group * A::kRows + i;
    const bool there = at < t.kh + t.out_rows - 1 && rows[at] != nullptr;
    row[i] = (there ? rows[at] : t.padding) + channel;
    advance[i] = there ? step * t.x_pitch : 0;
    pixel[i] = load_low(t.padding + channel);
  }
  typename A::Vector outside[A::kVectors];
  A::make(pixel, outside);
  const auto pad = [&](int64_t count) {
    for (; count > 0; --count, strip += pitch)
      for (int v = 0; v < A::kVectors; ++v) strip[v] = outside[v];
  };
  const int64_t before = column >= 0 ? 0 : (-column + step - 1) / step;
  const int64_t until = column >= t.width ? 0 : (t.width - column + step - 1) / step;
  const int64_t first = before < n ? before : n, last = until < first ? first : until < n ? until : n;
  pad(first);
  for (int i = 0; i < A::kRows; ++i)
    if (advance[i] != 0 && first < last) row[i] += (column + first * step) * t.x_pitch;
  int64_t left = last - first;
  // While columns are turned into entries the next ones are loaded.
  constexpr int kUnroll = 4;
  int8x16_t now[kUnroll][A::kRows], next[kUnroll][A::kRows];
  const auto load = [&](int8x16_t(&pixels)[A::kRows]) {
    for (int i = 0; i < A::kRows; ++i) pixels[i] = load_and_step(row[i], advance[i]);
  };
  const auto make = [&](const int8x16_t(&pixels)[A::kRows]) {
    A::make(pixels, strip);
    strip += pitch;
  };
  if (left >= kUnroll) {
    for (auto& pixels : now) load(pixels);
    for (; left >= 2 * kUnroll; left -= kUnroll)
      for (int k = 0; k < kUnroll; ++k) {
        load(next[k]);
        make(now[k]);
        for (int i = 0; i < A::kRows; ++i) now[k][i] = next[k][i];
      }
    for (const auto& pixels : now) make(pixels);
    left -= kUnroll;
  }
  for (; left > 0; --left) {
    load(pixel);
    make(pixel);
  }
  pad(n - last);
}

// Weights as [block of 8 channels][out row][kw][groups] entries: those of the second output row lie one row
// further down.
template <class A>
void prepare_weights(const DepthwiseStrip& t, int64_t groups, typename A::Vector* out) {
  for (int64_t channel = 0; channel < t.channels; channel += 8)
    for (int64_t down = 0; down < (t.pairs ? 2 : 1); ++down)
      for (int64_t j = 0; j < t.kw; ++j)
        for (int64_t g = 0; g < groups; ++g, out += A::kVectors) {
          int8x16_t rows[A::kRows];
          for (int r = 0; r < A::kRows; ++r) {
            const int64_t i = g * A::kRows + r - down;
            rows[r] = i >= 0 && i < t.kh ? load_low(t.weights + (i * t.kw + j) * t.weight_pitch + channel)
                                         : vdupq_n_s8(0);
          }
          A::make(rows, out);
        }
}

template <class A>
void run_strip(const DepthwiseStrip& t) {
  const int64_t groups = (t.kh + (t.pairs ? 1 : 0) + A::kRows - 1) / A::kRows;
  auto* weights = static_cast<typename A::Vector*>(t.scratch);
  const int64_t weight_row = t.kw * groups * A::kVectors, block = weight_row * (t.pairs ? 2 : 1);
  if (t.fresh) prepare_weights<A>(t, groups, weights);

  // Where windows are wide and hollow, a strip holds the columns of one window and nothing between them.
  const int64_t extent = (t.kw - 1) * t.dilation + 1;
  const bool hollow = extent > kDepthwiseStrip / 2;
  const int64_t most = hollow ? 1 : (kDepthwiseStrip - extent) / t.stride + 1;
  Block<A> b;
  b.strip = weights + (t.channels + 7) / 8 * block;
  b.kw = t.kw, b.groups = groups, b.weight_row = weight_row;
  b.stride = t.stride, b.dilation = hollow ? 1 : t.dilation;
  b.lo = vdupq_n_s8(static_cast<int8_t>(static_cast<int32_t>(t.stage.lo) + t.stage.zero_point));
  b.hi = vdupq_n_s8(static_cast<int8_t>(static_cast<int32_t>(t.stage.hi) + t.stage.zero_point));
  b.zero_point = vdupq_n_s16(static_cast<int16_t>(t.stage.zero_point));
  b.stage = &t.stage;
  for (int64_t channel = 0; channel < t.channels; channel += 8) {
    b.weights = weights + channel / 8 * block;
    b.channels = t.channels - channel;
    b.bias = t.bias + channel;
    for (int half = 0; half < 2; ++half) {
      b.multiplier[half] = t.stage.raw ? vdupq_n_f32(0) : vld1q_f32(t.multiplier + channel + 4 * half);
    }
    const bool plain = t.bounded && b.channels >= 8;
    for (int64_t o = 0; o < t.columns; o += most) {
      const int64_t columns = t.columns - o < most ? t.columns - o : most;
      const int64_t entries = hollow ? t.kw : (columns - 1) * t.stride + extent;
      const int64_t pitch = groups * A::kVectors, column = (t.first + o) * t.stride - t.left;
      for (int64_t u = 0; u < t.units; ++u)
        for (int64_t g = 0; g < groups; ++g)
          fill_group<A>(t, t.rows + u * t.row_step, g, channel, column, hollow ? t.dilation : 1, entries,
                        b.strip + u * entries * pitch + g * A::kVectors, pitch);
      char* y = static_cast<char*>(t.y) + o * t.y_pitch + channel * (t.stage.raw ? 4 : 1);
      plain ? run_columns<A, StoreCodes>(t, b, y, columns, entries * pitch)
            : run_columns<A, StoreAny>(t, b, y, columns, entries * pitch);
    }
  }
}

}  // namespace
}  // namespace openhb::conv
