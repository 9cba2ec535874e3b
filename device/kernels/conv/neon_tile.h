// SPDX-License-Identifier: Apache-2.0
// Register tiles of Conv for small in-order cores (Cortex-A55): dot products or multiply-adds of a line of
// weights (16 outputs, 64 bytes) and four bytes of every pixel. Such a core starts one 128-bit multiplication
// per cycle and beside it one load of 64 bits, but nothing beside a load of 128 bits. So every register is
// loaded in halves, and each load has its place behind a multiplication: the statements are volatile, which
// keeps them in the order that Plan computes; the compiler only assigns registers.
//
// For ISA files: everything here is local to the file that includes it. K describes a row: the types Tile and
// Acc (sums of four outputs); kDepth, the channels of a line; multiply_add(), Store; kTurns, whether Store
// can say that the way from tile to tile is Turn.
#pragma once

#include "device/kernels/conv/neon_turn.h"

namespace openhb::conv {
namespace {

// What follows each other.
enum class Kind {
  none,
  multiply,
  weights_low,
  weights_high,
  pixel,
  advance,
  next_tap,
  pointer,
  next_lines,
  count
};
struct Op {
  Kind kind = Kind::none;
  int index = 0;     // slot (number of the multiplication), vector of weights, or pixel
  int earliest = 0;  // slot: the one of the last multiplication that needs the register's old value
};

// The order of a step: L = 2 (or 1) lines for M pixels and N vectors of 4 outputs. Its N * L vectors of
// weights are multiplied with all pixels each. Vectors 0 and 1 are there when it begins, and their
// multiplications alternate, so that the last pixels may come later. kNextTap: the pixels of the following
// step are under the next tap.
template <int M, int N, int L, bool kNextTap>
struct Plan {
  static constexpr int kVectors = N * L, kSlots = kVectors * M;
  static constexpr int kRing = kVectors < 4 ? 2 : 4;  // registers of weights
  static constexpr int kLate = M > 2 ? 2 : 0;         // pixels that are loaded when the step has begun
  static constexpr int kOps = kSlots + 2 * kVectors + M + (kNextTap ? M + 1 : 1) + 2;

  Op ops[kOps] = {};

  static constexpr int vector(int slot) { return slot < 2 * M ? slot % 2 : slot / M; }
  static constexpr int pixel(int slot) { return slot < 2 * M ? slot / 2 : slot % M; }
  static constexpr int last_use(int v) { return v < 2 ? 2 * (M - 1) + v : v * M + M - 1; }
  static constexpr int last_use_of_pixel(int m) { return kVectors == 2 ? 2 * m + 1 : kSlots - M + m; }

  constexpr Plan() {
    constexpr int kWeights = 2 * kVectors, kOthers = kOps - kSlots - kWeights - 1;
    Op weights[kWeights] = {}, others[kOthers] = {};
    for (int v = 2; v < kVectors + 2; ++v) {
      const int earliest = v < kRing ? 0 : last_use(v - kRing);
      weights[2 * v - 4] = {Kind::weights_low, v, earliest};
      weights[2 * v - 3] = {Kind::weights_high, v, earliest};
    }
    int n = 0;
    for (int m = M - kLate; m < M; ++m) others[n++] = {Kind::pixel, m, 2 * (m - M + kLate)};
    others[n++] = {Kind::advance, 0, 0};
    if (kNextTap) others[n++] = {Kind::next_tap, 0, 0};
    for (int m = 0; m < M && kNextTap; ++m) others[n++] = {Kind::pointer, m, 0};
    if (!kNextTap) others[n++] = {Kind::count, 0, 0};
    for (int m = 0; m < M - kLate; ++m) others[n++] = {Kind::pixel, m, last_use_of_pixel(m)};
    // Behind every multiplication comes what may: pixels first, then weights. With few pixels weights need
    // more room.
    int w = 0, o = 0, at = 0;
    bool lines = false;
    for (int slot = 0; at < kOps; ++slot) {
      if (slot < kSlots) {
        while (w < kWeights && weights[w].index <= vector(slot)) ops[at++] = weights[w++];
        ops[at++] = {Kind::multiply, slot, 0};
      }
      const bool may_w = w < kWeights && weights[w].earliest <= slot;
      const bool may_o = o < kOthers && others[o].earliest <= slot;
      if (may_o && (others[o].kind == Kind::pixel || !may_w))
        ops[at++] = others[o++];
      else if (may_w)
        ops[at++] = weights[w++];
      else if (w == kWeights && !lines)
        ops[at++] = {Kind::next_lines, 0, 0}, lines = true;
    }
  }
};

template <class K, int M, int N>
struct State {
  typename K::Acc acc[M][N];
  int8x16_t w[4];
  int8x8_t x[M];           // two quads of every pixel
  const char* row[M];      // the pixels under the tap
  int64_t channel;         // of the quads to load, in bytes
  const char *low, *high;  // weights: the step's first line; the upper half of the vector to load
  const char *bias, *bias_high;
  const char* const* next_rows;
  int64_t row_step, first_channel, left;
};

template <int I>
struct Index {
  static constexpr int value = I;
};
template <int I, int End, class F>
[[gnu::always_inline]] inline void unroll(const F& f) {
  if constexpr (I < End) {
    f(Index<I>());
    unroll<I + 1, End>(f);
  }
}

template <class K, int M, int N>
[[gnu::always_inline]] inline void load_low(State<K, M, N>& s, int8x16_t& w, int64_t offset) {
  asm volatile("ldr %d0, [%1, %2]" : "=w"(w) : "r"(s.low), "i"(offset));
}
template <class K, int M, int N>
[[gnu::always_inline]] inline void load_high(State<K, M, N>& s, int8x16_t& w, int64_t step) {
  asm volatile("ld1 {%0.d}[1], [%1], %2" : "+w"(w), "+r"(s.high) : "r"(step));
}
template <class K, int M, int N>
[[gnu::always_inline]] inline void load_pixel(State<K, M, N>& s, int m) {
  asm volatile("ldr %d0, [%1, %2]" : "=w"(s.x[m]) : "r"(s.row[m]), "r"(s.channel));
}
template <class K, int M, int N>
[[gnu::always_inline]] inline void load_bias_low(State<K, M, N>& s, int m, int i) {
  asm volatile("ldr %d0, [%1, %2]" : "=w"(s.acc[m][i]) : "r"(s.bias), "i"(i * 16));
}
template <class K, int M, int N>
[[gnu::always_inline]] inline void load_bias_high(State<K, M, N>& s, int m, int i) {
  const int64_t step = i == N - 1 ? 16 - N * 16 : 16;
  asm volatile("ld1 {%0.d}[1], [%1], %2" : "+w"(s.acc[m][i]), "+r"(s.bias_high) : "r"(step));
}
template <class K, int M, int N>
[[gnu::always_inline]] inline void load_pointer(State<K, M, N>& s, int m) {
  asm volatile("ldr %0, [%1, %2]" : "=r"(s.row[m]) : "r"(s.next_rows), "i"(m * 8));
}

template <class P, int N, int L, bool kNextTap, int kAt, class K, int M>
[[gnu::always_inline]] inline void issue(State<K, M, N>& s) {
  static constexpr P kPlan;
  constexpr Op op = kPlan.ops[kAt];
  if constexpr (op.kind == Kind::multiply) {
    constexpr int m = P::pixel(op.index), v = P::vector(op.index);
    K::template multiply_add<v / N>(s.acc[m][v % N], s.w[v % P::kRing], s.x[m]);
  } else if constexpr (op.kind == Kind::weights_low) {
    load_low(s, s.w[op.index % P::kRing], op.index / N * 64 + op.index % N * 16);
  } else if constexpr (op.kind == Kind::weights_high) {
    load_high(s, s.w[op.index % P::kRing], op.index % N == N - 1 ? 80 - N * 16 : 16);
  } else if constexpr (op.kind == Kind::pixel) {
    load_pixel(s, op.index);
  } else if constexpr (op.kind == Kind::next_tap) {
    asm volatile("add %0, %0, %1, lsl 3" : "+r"(s.next_rows) : "r"(s.row_step));
  } else if constexpr (op.kind == Kind::pointer) {
    load_pointer(s, op.index);
  } else if constexpr (op.kind == Kind::advance && kNextTap) {
    asm volatile("mov %0, %1" : "=r"(s.channel) : "r"(s.first_channel));
  } else if constexpr (op.kind == Kind::advance) {
    asm volatile("add %0, %0, 8" : "+r"(s.channel));
  } else if constexpr (op.kind == Kind::next_lines) {
    asm volatile("add %0, %0, %1" : "+r"(s.low) : "i"(L * 64));
  } else if constexpr (op.kind == Kind::count) {
    asm volatile("sub %0, %0, 1" : "+r"(s.left));
  }
}

template <int L, bool kNextTap, class K, int M, int N>
[[gnu::always_inline]] inline void step(State<K, M, N>& s) {
  using P = Plan<M, N, L, kNextTap>;
  unroll<0, P::kOps>([&](auto i)
                         __attribute__((always_inline)) { issue<P, N, L, kNextTap, decltype(i)::value>(s); });
}

// All taps; `steps` full steps and one of kLast lines each.
template <int kLast, class K, int M, int N>
[[gnu::always_inline]] inline void sum(State<K, M, N>& s, int64_t taps, int64_t steps) {
  do {
    s.left = steps;
    if (steps != 0) do
        step<2, false>(s);
      while (s.left != 0);
    step<kLast, true>(s);
  } while (--taps != 0);
}

// The operation kAt between two tiles; v: vectors on their way to codes.
template <class P, int kAt, bool kEven, class K, int M, int N>
[[gnu::always_inline]] inline void issue_turn(State<K, M, N>& s, Codes<N>& codes, int32x4_t (&v)[8]) {
  static constexpr P kTurn;
  constexpr TurnOp op = kTurn.ops[kAt];
  constexpr int m = op.m, i = op.i, at = P::place(m, i),
                next = P::place(m, (i + (op.kind == TurnKind::store ? N / 2 : 1)) % N);
  if constexpr (op.kind == TurnKind::convert)
    asm volatile("scvtf %0.4s, %1.4s" : "=w"(v[at]) : "w"(s.acc[m][i]));
  else if constexpr (op.kind == TurnKind::scale)
    asm volatile("fmul %0.4s, %0.4s, %1.4s" : "+w"(v[at]) : "w"(codes.multiplier[i]));
  else if constexpr (op.kind == TurnKind::round)
    round<N, kEven>(v[at], codes);
  else if constexpr (op.kind == TurnKind::join)
    asm volatile("uzp1 %0.8h, %0.8h, %1.8h" : "+w"(v[at]) : "w"(v[next]));
  else if constexpr (op.kind == TurnKind::shift)
    asm volatile("add %0.8h, %0.8h, %1.8h" : "+w"(v[at]) : "w"(codes.zero_point));
  else if constexpr (op.kind == TurnKind::narrow)
    asm volatile("sqxtn %0.8b, %0.8h" : "+w"(v[at]));
  else if constexpr (op.kind == TurnKind::store)
    store_pixel(codes, v[at], v[next]);
  else if constexpr (op.kind == TurnKind::pointer)
    load_pointer(s, m);
  else if constexpr (op.kind == TurnKind::bias_low)
    load_bias_low(s, m, i);
  else if constexpr (op.kind == TurnKind::bias_high)
    load_bias_high(s, m, i);
  else if constexpr (op.kind == TurnKind::weights_low)
    load_low(s, s.w[i], i * 16);
  else if constexpr (op.kind == TurnKind::weights_high)
    load_high(s, s.w[i], N == 2 && i == 1 ? 48 : 16);
  else if constexpr (op.kind == TurnKind::pixel)
    load_pixel(s, m);
}
template <bool kEven, class K, int M, int N>
[[gnu::always_inline]] inline void turn(State<K, M, N>& s, Codes<N>& codes) {
  using P = Turn<M, N, kEven>;
  int32x4_t v[8];
  unroll<0, P::kOps>(
      [&](auto i) __attribute__((always_inline)) { issue_turn<P, decltype(i)::value, kEven>(s, codes, v); });
}

// What a tile begins with: bias, the first weights and pixels.
template <class K, int M, int N>
[[gnu::always_inline]] inline void start(State<K, M, N>& s) {
  constexpr int kEarly = M - Plan<M, N, 2, false>::kLate;
  unroll<0, N>([&](auto index) __attribute__((always_inline)) {
    load_bias_low(s, 0, decltype(index)::value);
    load_bias_high(s, 0, decltype(index)::value);
  });
  constexpr int kLoads = M + 4 + kEarly, kCopies = (M - 1) * N;
  unroll<0, (kCopies > kLoads ? kCopies : kLoads)>([&](auto index) __attribute__((always_inline)) {
    constexpr int i = decltype(index)::value, v = i < M ? 0 : (i - M) / 2;
    if constexpr (i < kCopies)
      asm volatile("mov %0.16b, %1.16b" : "=w"(s.acc[i / N + 1][i % N]) : "w"(s.acc[0][i % N]));
    if constexpr (i < M)
      load_pointer(s, i);
    else if constexpr (i < M + 4 && (i - M) % 2 == 0)
      load_low(s, s.w[v], v * 16);
    else if constexpr (i < M + 4)
      load_high(s, s.w[v], N == 2 && v == 1 ? 48 : 16);
    else if constexpr (i < kLoads)
      load_pixel(s, i - M - 4);
  });
}

// One block of (at most) 4 * N outputs for M pixels from `pixel` on, `tiles` times.
// kWay: fits16 or even, or any way that Store finds.
template <class K, int M, int N, Way kWay>
void run(const typename K::Tile& t, int64_t block, int64_t pixel, int64_t tiles, int64_t outputs) {
  const int64_t quads = (t.channels + K::kDepth - 1) / K::kDepth, steps = (quads - 1) / 2, taps = t.taps;
  const auto* weights = reinterpret_cast<const char*>(t.weights + block * t.weight_stride);
  const auto* rows = reinterpret_cast<const char* const*>(t.rows) + pixel;
  typename K::template Store<M, N> store(t, block * 16, pixel, outputs);
  State<K, M, N> s;
  s.first_channel = t.x_offset * (4 / K::kDepth);
  s.row_step = t.row_step;
  s.bias = reinterpret_cast<const char*>(t.bias + block * 16);
  s.bias_high = s.bias + 8;
  const auto enter = [&]() __attribute__((always_inline)) {
    s.next_rows = rows;
    s.channel = s.first_channel;
    s.low = weights;
    s.high = weights + 8;
    rows += M;
  };
  enter();
  start(s);
  for (;;) {
    if (quads != 0) quads % 2 ? sum<1>(s, taps, steps) : sum<2>(s, taps, steps);  // MatMul may have none
    if constexpr (kWay == Way::any) store.run(s.acc);
    if (--tiles == 0) break;
    enter();
    if constexpr (kWay == Way::any)
      start(s);
    else
      turn<kWay == Way::even>(s, store.codes());
  }
  if constexpr (kWay != Way::any) store.template run<kWay>(s.acc);
}

template <class K, int N>
void run_fours(const typename K::Tile& t, int64_t block, int64_t tiles, int64_t outputs) {
  if constexpr (K::kTurns) {
    const Way way = way_of<N>(t.stage, outputs);
    if (way == Way::even) return run<K, 4, N, Way::even>(t, block, 0, tiles, outputs);
    if (way == Way::fits16) return run<K, 4, N, Way::fits16>(t, block, 0, tiles, outputs);
  }
  run<K, 4, N, Way::any>(t, block, 0, tiles, outputs);
}

// Four pixels at a time; what remains joins the last four, because one or two alone wait for their loads.
template <class K, int N>
void run_pixels(const typename K::Tile& t, int64_t block, int64_t outputs) {
  int64_t fours = t.pixels / 4, rest = t.pixels % 4;
  if (fours > 0 && (rest == 1 || rest == 2)) --fours, rest += 4;
  if (fours > 0) run_fours<K, N>(t, block, fours, outputs);
  if (rest == 1) run<K, 1, N, Way::any>(t, block, fours * 4, 1, outputs);
  if (rest == 2) run<K, 2, N, Way::any>(t, block, fours * 4, 1, outputs);
  if (rest == 3 || rest == 6) run<K, 3, N, Way::any>(t, block, fours * 4, rest / 3, outputs);
  if (rest == 5) run<K, 5, N, Way::any>(t, block, fours * 4, 1, outputs);
}

template <class K>
void run_panel(const typename K::Tile& t) {
  for (int64_t block = 0, left = t.outputs; left > 0; ++block, left -= 16)
    left > 8 ? run_pixels<K, 4>(t, block, left < 16 ? left : 16) : run_pixels<K, 2>(t, block, left);
}

}  // namespace
}  // namespace openhb::conv
