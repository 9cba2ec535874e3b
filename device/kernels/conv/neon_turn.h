// SPDX-License-Identifier: Apache-2.0
// Between two tiles of int8 Conv: sums become codes while the next tile's bias, weights and pixels are loaded
// beside that. For neon_tile.h, whose rules hold: the order is computed, the statements are volatile.
#pragma once

#include "device/kernels/conv/neon_store.h"

namespace openhb::conv {
namespace {

enum class TurnKind {
  none,
  convert,
  scale,
  round,
  join,
  shift,
  narrow,
  store,
  pointer,
  bias_low,
  bias_high,
  weights_low,
  weights_high,
  pixel
};
struct TurnOp {
  TurnKind kind = TurnKind::none;
  int m = 0, i = 0;  // pixel; vector of four outputs, or of weights
  int earliest = 0;  // the number of the arithmetic operation that it follows
};

// kEven: as in StoreI8; without it the zero point is added at the end. Groups of pixels with eight vectors go
// through all operations together, which hides each other's latencies.
template <int M, int N, bool kEven>
struct Turn {
  static constexpr int kGroup = 8 / N, kEarly = M > 2 ? M - 2 : M;  // as Plan has the pixels
  static constexpr int kArithmetic = M * N * 3 + M * N / 2 * (kEven ? 2 : 3);
  static constexpr int kOthers = M + M + 2 * M * N + 4 + kEarly, kOps = kArithmetic + kOthers;

  TurnOp ops[kOps] = {};

  // Registers on the way to codes. Those of the second group begin in the ones that the first has done with;
  // the others it may not have stored yet.
  static_assert(M <= 2 * kGroup);
  static constexpr int place(int m, int i) {
    const int at = m % kGroup * N + i;
    return m < kGroup ? at : at < 4 ? at * 2 + 1 : at * 2 - 8;
  }

  constexpr Turn() {
    constexpr TurnKind kStages[] = {TurnKind::convert, TurnKind::scale, TurnKind::round,
                                    TurnKind::join,    TurnKind::shift, TurnKind::narrow};
    TurnOp arithmetic[kArithmetic] = {};
    int a = 0, free[M][N] = {}, done[M] = {}, last_join = 0;
    for (int first = 0; first < M; first += kGroup)
      for (const TurnKind stage : kStages) {
        if (kEven && stage == TurnKind::shift) continue;
        if (stage == TurnKind::join) last_join = a;
        for (int m = first; m < first + kGroup && m < M; ++m)
          for (int i = 0; i < N; i += stage < TurnKind::join ? 1 : 2) {
            if (stage == TurnKind::convert) free[m][i] = a;
            done[m] = a;
            arithmetic[a++] = {stage, m, i, 0};
          }
      }
    TurnOp others[kOthers] = {};
    int n = 0;
    for (int m = 0; m < M; ++m) others[n++] = {TurnKind::store, m, 0, done[m] + 4};
    for (int m = 0; m < M; ++m) others[n++] = {TurnKind::pointer, m, 0, 0};
    for (int m = 0; m < M; ++m)
      for (int i = 0; i < N; ++i) {
        others[n++] = {TurnKind::bias_low, m, i, free[m][i]};
        others[n++] = {TurnKind::bias_high, m, i, free[m][i]};
      }
    for (int v = 0; v < 2; ++v) {
      others[n++] = {TurnKind::weights_low, 0, v, last_join};
      others[n++] = {TurnKind::weights_high, 0, v, last_join};
    }
    for (int m = 0; m < kEarly; ++m) others[n++] = {TurnKind::pixel, m, 0, last_join};
    for (int slot = 0, at = 0; at < kOps; ++slot) {
      if (slot < kArithmetic) ops[at++] = arithmetic[slot];
      for (TurnOp& o : others)
        if (o.kind != TurnKind::none && (o.earliest <= slot || slot >= kArithmetic)) {
          ops[at++] = o;
          o = {};
          break;
        }
    }
  }
};

template <int N, bool kEven>
[[gnu::always_inline]] inline void round(int32x4_t& v, const Codes<N>& codes) {
  if constexpr (kEven)
    asm volatile("fadd %0.4s, %0.4s, %1.4s" : "+w"(v) : "w"(codes.magic));
  else
    asm volatile("fcvtns %0.4s, %0.4s" : "+w"(v));
}

template <int N>
[[gnu::always_inline]] inline void store_pixel(Codes<N>& codes, const int32x4_t& low, const int32x4_t& high) {
  if constexpr (N == 4)
    asm volatile("stp %d1, %d2, %0" : "=Q"(*reinterpret_cast<int8x16_t*>(codes.y)) : "w"(low), "w"(high));
  else
    asm volatile("str %d1, %0" : "=Q"(*reinterpret_cast<int8x8_t*>(codes.y)) : "w"(low));
  codes.y += codes.y_pitch;
}

}  // namespace
}  // namespace openhb::conv
