// SPDX-License-Identifier: Apache-2.0
// The loops over a DepthwiseSpan, for the kernel rows: K is a struct of the ISA file with its vector and what
// to do with it. Included by ISA files only; everything is local to them.
#pragma once

#include "device/kernels/conv/span.h"

namespace openhb::conv {
namespace {

// One column of `width` lanes; up to 15 lanes behind it are overwritten.
template <class K>
inline void gather_column(const typename K::Span& s, const typename K::Gather& gather,
                          const typename K::T* const* rows, int64_t width, char* to) {
  if constexpr (requires { gather.swizzled64(rows, to); })
    if (s.swizzled) return gather.swizzled64(rows, to);
  for (int64_t i = 0; i < width; i += 16) gather(rows, i, to + i * 4);
}

template <class K>
inline void gather_group(const typename K::Span& s, int32_t group) {
  using T = typename K::T;
  constexpr int kGroup = K::kGroup;
  const int64_t bytes = s.column_bytes, total = int64_t{s.before} + s.columns + s.after;
  const typename K::Gather gather;
  const T* padding[kGroup];
  for (int i = 0; i < kGroup; ++i) padding[i] = s.padding;
  for (int32_t first = 0; first < s.stride; ++first) {
    if (s.planes[first] < 0) continue;
    char* to = s.scratch + group * s.group_bytes + s.planes[first];
    int64_t column = first;
    for (; column < s.before; column += s.stride, to += bytes)
      gather_column<K>(s, gather, padding, s.column_width, to);
    const T* rows[kGroup];
    int64_t steps[kGroup];
    for (int i = 0; i < kGroup; ++i) {
      steps[i] = s.row_steps[group * kGroup + i];
      rows[i] = s.rows[group * kGroup + i] + (column - s.before) * steps[i];
      steps[i] *= s.stride;
    }
    const int64_t end = int64_t{s.before} + s.columns;
    if (s.contiguous) {
      gather_column<K>(s, gather, rows, s.columns * s.column_width, to);
      column = end, to += s.columns * bytes;
    }
    for (; column < end; column += s.stride, to += bytes) {
      gather_column<K>(s, gather, rows, s.column_width, to);
      for (int i = 0; i < kGroup; ++i) rows[i] += steps[i];
    }
    for (; column < total; column += s.stride, to += bytes)
      gather_column<K>(s, gather, padding, s.column_width, to);
  }
}

// P pixels times V vectors of lanes.
template <class K, int P, int V>
[[gnu::always_inline]] inline void sum(const typename K::Span& s, const typename K::template Stage<V>& stage,
                                       const char* const* taps, const char* weights, int64_t x_at, char* y,
                                       int64_t y_step) {
  const int64_t num_taps = s.num_taps, weight_step = s.weight_lanes * 4, x_step = s.x_step;
  typename K::Vector acc[P][V];
  for (int v = 0; v < V; ++v)
    for (int p = 0; p < P; ++p) acc[p][v] = stage.start[v];
  for (int64_t tap = 0; tap < num_taps; ++tap, weights += weight_step) {
    const char* x = taps[tap] + x_at;
    for (int v = 0; v < V; ++v) {
      const auto w = K::load(weights + v * K::kLanes * 4);
      for (int p = 0; p < P; ++p)
        acc[p][v] = K::dot(acc[p][v], K::load(x + p * x_step + v * K::kLanes * 4), w);
    }
  }
  if constexpr (requires { stage.plain; }) {
    if (!stage.plain) {  // in memory, so that `acc` itself can stay in registers
      typename K::Vector copy[P][V];
      for (int p = 0; p < P; ++p)
        for (int v = 0; v < V; ++v) copy[p][v] = acc[p][v];
      for (int p = 0; p < P; ++p) stage.store_rest(y + p * y_step, copy[p]);
      return;
    }
  }
  for (int p = 0; p < P; ++p) stage.store(y + p * y_step, acc[p]);
}

template <class K, int V>
inline void sum_lanes(const typename K::Span& s, int32_t row, int64_t lane) {
  using Stage = typename K::template Stage<V>;
  const int64_t x_step = s.x_step, y_step = s.y_step, y_size = K::output_size(s);
  const char* const* taps = s.taps + row * s.row_taps;
  const char* weights = s.weights + (row * s.row_weights * s.weight_lanes + lane) * 4;
  char* y = s.y[row] + lane * y_size;
  int64_t pixel = 0, x_at = lane * 4;
  const Stage stage(s, lane, s.valid - lane);
  for (; pixel + K::kPixels <= s.pixels; pixel += K::kPixels) {
    sum<K, K::kPixels, V>(s, stage, taps, weights, x_at, y, y_step);
    x_at += K::kPixels * x_step, y += K::kPixels * y_step;
  }
  for (; pixel < s.pixels; ++pixel, x_at += x_step, y += y_step)
    sum<K, 1, V>(s, stage, taps, weights, x_at, y, y_step);
  // Of the last lanes, no vectors that would read beyond the slack.
  for (const int64_t end = lane + V * K::kLanes; lane < end && lane < s.rest; lane += K::kLanes) {
    const typename K::template Stage<1> narrow(s, lane, s.rest - lane);
    sum<K, 1, 1>(s, narrow, taps, weights, x_at, y, y_step);
    weights += K::kLanes * 4, x_at += K::kLanes * 4, y += K::kLanes * y_size;
  }
}

// Lanes in pieces of up to kVectors vectors.
template <class K>
inline void run_span(const typename K::Span& s) {
  for (int32_t group = 0; group < s.groups; ++group) gather_group<K>(s, group);
  for (int32_t row = 0; row < s.out_rows; ++row) {
    int64_t lane = 0;
    for (; lane + K::kVectors * K::kLanes <= s.width; lane += K::kVectors * K::kLanes)
      sum_lanes<K, K::kVectors>(s, row, lane);
    const int64_t left = (s.width - lane) / K::kLanes;
    if constexpr (K::kVectors > 3)
      if (left == 3) sum_lanes<K, 3>(s, row, lane);
    if constexpr (K::kVectors > 2)
      if (left == 2) sum_lanes<K, 2>(s, row, lane);
    if (left == 1) sum_lanes<K, 1>(s, row, lane);
  }
}

}  // namespace
}  // namespace openhb::conv
