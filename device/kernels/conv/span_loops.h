// SPDX-License-Identifier: Apache-2.0
// The loops over a DepthwiseSpan, for the kernel rows: K is a struct of the ISA file with its vector and what
// to do with it. Included by ISA files only; everything is local to them.
#pragma once

#include "device/kernels/conv/span.h"

namespace openhb::conv {
namespace {

// One column of `width` lanes; up to 15 lanes behind it are overwritten.
template <class K>
inline void gather_column(const typename K::T* const* rows, int64_t width, char* to) {
  for (int64_t i = 0; i < width; i += 16) K::gather16(rows, i, to + i * 4);
}

template <class K>
inline void gather_group(const typename K::Span& s, int32_t group) {
  using T = typename K::T;
  constexpr int kGroup = K::kGroup;
  const int64_t bytes = s.column_bytes, total = int64_t{s.before} + s.columns + s.after;
  const T* padding[kGroup];
  for (int i = 0; i < kGroup; ++i) padding[i] = s.padding;
  for (int32_t first = 0; first < s.stride; ++first) {
    if (s.planes[first] < 0) continue;
    char* to = s.scratch + group * s.group_bytes + s.planes[first];
    int64_t column = first;
    for (; column < s.before; column += s.stride, to += bytes) gather_column<K>(padding, s.column_width, to);
    const T* rows[kGroup];
    int64_t steps[kGroup];
    for (int i = 0; i < kGroup; ++i) {
      steps[i] = s.row_steps[group * kGroup + i];
      rows[i] = s.rows[group * kGroup + i] + (column - s.before) * steps[i];
      steps[i] *= s.stride;
    }
    const int64_t end = int64_t{s.before} + s.columns;
    if (s.contiguous) {
      gather_column<K>(rows, s.columns * s.column_width, to);
      column = end, to += s.columns * bytes;
    }
    for (; column < end; column += s.stride, to += bytes) {
      gather_column<K>(rows, s.column_width, to);
      for (int i = 0; i < kGroup; ++i) rows[i] += steps[i];
    }
    for (; column < total; column += s.stride, to += bytes) gather_column<K>(padding, s.column_width, to);
  }
}

// P pixels times V vectors of lanes from `lane` on.
template <class K, int P, int V>
inline void sum(const typename K::Span& s, const char* weights, int64_t pixel, int64_t lane, char* y,
                int64_t valid) {
  typename K::Vector acc[P][V];
  for (int v = 0; v < V; ++v) {
    const auto start = K::start(s, lane + v * K::kLanes);
    for (int p = 0; p < P; ++p) acc[p][v] = start;
  }
  const int64_t at = pixel * s.x_step + lane * 4;
  weights += lane * 4;
  for (int64_t tap = 0; tap < s.num_taps; ++tap, weights += s.weight_lanes * 4) {
    const char* x = s.taps[tap] + at;
    for (int v = 0; v < V; ++v) {
      const auto w = K::load(weights + v * K::kLanes * 4);
      for (int p = 0; p < P; ++p)
        acc[p][v] = K::dot(acc[p][v], K::load(x + p * s.x_step + v * K::kLanes * 4), w);
    }
  }
  y += pixel * s.y_step + lane * K::output_size(s);
  for (int p = 0; p < P; ++p) K::template store<V>(s, lane, y + p * s.y_step, valid, acc[p]);
}

template <class K, int V>
inline void sum_lanes(const typename K::Span& s, const char* weights, int64_t lane, char* y) {
  const int64_t valid = s.valid - lane;
  int64_t pixel = 0;
  for (; pixel + K::kPixels <= s.pixels; pixel += K::kPixels)
    sum<K, K::kPixels, V>(s, weights, pixel, lane, y, valid);
  for (; pixel < s.pixels; ++pixel) sum<K, 1, V>(s, weights, pixel, lane, y, valid);
  if (s.rest - lane >= V * K::kLanes) return sum<K, 1, V>(s, weights, pixel, lane, y, s.rest - lane);
  const int64_t end = lane + V * K::kLanes;  // no vectors that would read beyond the slack
  for (; lane < end && lane < s.rest; lane += K::kLanes)
    sum<K, 1, 1>(s, weights, pixel, lane, y, s.rest - lane);
}

// Lanes in pieces of up to kVectors vectors.
template <class K>
inline void run_span(const typename K::Span& s) {
  for (int32_t group = 0; group < s.groups; ++group) gather_group<K>(s, group);
  for (int32_t row = 0; row < s.out_rows; ++row) {
    const char* weights = s.weights + row * s.num_taps * s.weight_lanes * 4;
    int64_t lane = 0;
    for (; lane + K::kVectors * K::kLanes <= s.width; lane += K::kVectors * K::kLanes)
      sum_lanes<K, K::kVectors>(s, weights, lane, s.y[row]);
    const int64_t left = (s.width - lane) / K::kLanes;
    if constexpr (K::kVectors > 3)
      if (left == 3) sum_lanes<K, 3>(s, weights, lane, s.y[row]);
    if constexpr (K::kVectors > 2)
      if (left == 2) sum_lanes<K, 2>(s, weights, lane, s.y[row]);
    if (left == 1) sum_lanes<K, 1>(s, weights, lane, s.y[row]);
  }
}

}  // namespace
}  // namespace openhb::conv
