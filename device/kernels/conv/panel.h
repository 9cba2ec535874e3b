// SPDX-License-Identifier: Apache-2.0
// The loops of the x86 rows of Conv: a panel of pixels in tiles whose accumulators stay in registers. For ISA
// files: everything here is local to the file that includes it.
//
// K describes a row: the types Tile, Input (what is multiplied with a whole line of weights), Weights (a line
// of one block of 16 outputs), Acc (the sums of one block) and Room (how many lines Acc can sum); kDepth, the
// input channels of a line; kMr[n], the most pixels of a tile of n + 1 blocks; broadcast(), load(),
// multiply_add(); start() and finish(tile, first pixel, acc, whether it was called before, for want of room).
// If it has kHalves, it has load(), broadcast() and multiply_add() for Half too: of blocks of which only the
// first 8 outputs count (broadcast: of no others).
#pragma once

#include <stddef.h>

#include <utility>

#include "device/kernels/conv/tile.h"

namespace openhb::conv {
namespace {

template <int I>
struct Index {
  constexpr operator int() const { return I; }
};

// f(0), f(1) ... f(N - 1) with the index as a constant, so that arrays indexed by it stay in registers.
template <int N, class F>
[[gnu::always_inline]] inline void unroll(F&& f) {
  [&]<int... I>(std::integer_sequence<int, I...>)
      __attribute__((always_inline)) { (f(Index<I>{}), ...); }(std::make_integer_sequence<int, N>{});
}

struct Half {};

// One line: the inputs of M pixels at x[...] + at times the weights of N blocks; InHalf: only half of the
// last.
template <class K, bool InHalf, int M, int N, class X, class W>
[[gnu::always_inline]] inline void add_line(typename K::Acc (&acc)[M][N], const X* const (&x)[M], int64_t at,
                                            const W* w, int64_t weight_stride) {
  typename K::Weights wv[N];
  unroll<N>([&](auto n) __attribute__((always_inline)) {
    if constexpr (InHalf && n == N - 1)
      wv[n] = K::load(w + n * weight_stride, Half{});
    else
      wv[n] = K::load(w + n * weight_stride);
  });
  unroll<M>([&](auto m) __attribute__((always_inline)) {
    typename K::Input input;
    if constexpr (InHalf && N == 1)
      input = K::broadcast(x[m] + at, Half{});
    else
      input = K::broadcast(x[m] + at);
    unroll<N>([&](auto n) __attribute__((always_inline)) {
      if constexpr (InHalf && n == N - 1)
        K::multiply_add(acc[m][n], input, wv[n], Half{});
      else
        K::multiply_add(acc[m][n], input, wv[n]);
    });
  });
}

template <class K, bool InHalf, int M, int N>
void run_tile(const typename K::Tile& t, int64_t pixel) {
  using X = typename K::Tile::X;
  constexpr int64_t kLine = 16 * K::kDepth;
  const int64_t stride = t.weight_stride;
  const auto* w = t.weights;
  typename K::Acc acc[M][N];
  K::template start<M, N>(t, acc);
  const X* x[M];
  if (t.offsets) {
    unroll<M>([&](auto m) __attribute__((always_inline)) { x[m] = t.rows[pixel + m] + t.x_offset; });
    for (int64_t line = 0; line < t.lines; ++line, w += kLine)
      add_line<K, InHalf>(acc, x, t.offsets[line], w, stride);
    return K::template finish<M, N>(t, pixel, acc, false);
  }
  typename K::Room room{};
  bool again = false;
  const int64_t channels = (t.channels + K::kDepth - 1) / K::kDepth * K::kDepth;
  for (int64_t tap = 0; tap < t.taps; ++tap) {
    unroll<M>([&](auto m) __attribute__((always_inline)) {
      x[m] = t.rows[tap * t.row_step + pixel + m] + t.x_offset;
    });
    for (int64_t c = 0; c < channels;) {
      const int64_t end = room.take(c, channels, K::kDepth);
      for (; c < end; c += K::kDepth, w += kLine) add_line<K, InHalf>(acc, x, c, w, stride);
      if (!room.empty()) continue;
      K::template finish<M, N>(t, pixel, acc, again);
      K::template start<M, N>(t, acc);
      again = true;
      room = {};
    }
  }
  K::template finish<M, N>(t, pixel, acc, again);
}

// For accumulators that hold any sum.
struct NoLimit {
  static int64_t take(int64_t, int64_t end, int64_t) { return end; }
  static constexpr bool empty() { return false; }
};
// For accumulators that must be flushed after Lines lines.
template <int64_t Lines>
struct LineLimit {
  int64_t left = Lines;
  int64_t take(int64_t from, int64_t end, int64_t depth) {
    const int64_t lines = (end - from) / depth, taken = lines < left ? lines : left;
    left -= taken;
    return from + taken * depth;
  }
  bool empty() const { return left == 0; }
};

template <class K, bool InHalf, int N, int... I>
void run_pixels(const typename K::Tile& t, std::integer_sequence<int, I...>) {
  static constexpr void (*kRun[])(const typename K::Tile&, int64_t) = {run_tile<K, InHalf, I + 1, N>...};
  // Tiles of about the same size: a remainder of its own would be one with few accumulators.
  for (int64_t pixel = 0, tiles = (t.pixels + K::kMr[N - 1] - 1) / K::kMr[N - 1]; tiles > 0; --tiles) {
    const int64_t count = (t.pixels - pixel + tiles - 1) / tiles;
    kRun[count - 1](t, pixel);
    pixel += count;
  }
}

template <class K, bool InHalf, int N>
void run_blocks(const typename K::Tile& t) {
  run_pixels<K, InHalf, N>(t, std::make_integer_sequence<int, K::kMr[N - 1]>{});
}

template <class K, bool InHalf, int... I>
void run_panel(const typename K::Tile& t, std::integer_sequence<int, I...>) {
  static constexpr void (*kRun[])(const typename K::Tile&) = {run_blocks<K, InHalf, I + 1>...};
  kRun[(t.outputs - 1) / 16](t);
}
template <class K>
void run_panel(const typename K::Tile& t) {
  constexpr auto kBlocks =
      std::make_integer_sequence<int, static_cast<int>(sizeof(K::kMr) / sizeof(K::kMr[0]))>{};
  if constexpr (requires { K::kHalves; })
    if ((t.outputs - 1) % 16 < 8) return run_panel<K, true>(t, kBlocks);
  run_panel<K, false>(t, kBlocks);
}

}  // namespace
}  // namespace openhb::conv
