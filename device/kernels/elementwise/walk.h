// SPDX-License-Identifier: Apache-2.0
// One loop nest over several tensors of equal extents, as few long contiguous rows as their strides allow.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "common/program/program.h"
#include "device/kernels/elementwise/plane.h"

namespace openhb::kernels {

// K operands; within a row each operand advances by 0 or 1 element.
template <size_t K>
struct RowWalk {
  using Offsets = std::array<int64_t, K>;
  size_t rank = 0;  // of the loops around the rows
  std::array<int64_t, kMaxRank + 1> extent{};
  std::array<Offsets, kMaxRank + 1> stride{};
  int64_t row = 1;       // elements per row
  Offsets row_stride{};  // 0 or 1
  int64_t elements = 0;

  // strides[i][k]: elements that operand k advances along dimension i. `keep_rows`: a row never spans more
  // than the innermost dimension (needed when position in the row matters).
  RowWalk(const Shape& dims, std::span<const Offsets> strides, bool keep_rows = false) {
    elements = num_elements(dims);
    size_t n = 0;  // kept dimensions, outermost first
    for (size_t i = 0; i < dims.size(); ++i) {
      const bool innermost = i + 1 == dims.size();
      if (dims[i] == 1 && !(innermost && keep_rows)) continue;
      if (n > 0 && !(innermost && keep_rows) && merges(n - 1, strides[i], dims[i])) {
        extent[n - 1] *= dims[i];
        stride[n - 1] = strides[i];
      } else {
        extent[n] = dims[i];
        stride[n++] = strides[i];
      }
    }
    row_stride.fill(1);
    bool contiguous = n > 0;
    for (size_t k = 0; k < K && contiguous; ++k)
      contiguous = extent[n - 1] == 1 || stride[n - 1][k] == 0 || stride[n - 1][k] == 1;
    if (contiguous) {
      --n;
      row = extent[n];
      if (row != 1) row_stride = stride[n];
    }
    rank = n;
  }

  // Calls f(offsets, count, column) for the row segments of elements [first, last) in row-major order;
  // `column` is the position of the segment in its row.
  template <class F>
  void for_rows(int64_t first, int64_t last, F&& f) const {
    if (first >= last) return;
    std::array<int64_t, kMaxRank + 1> index{};
    Offsets at{};
    int64_t rest = first / row, column = first % row;
    for (size_t i = rank; i-- > 0;) {
      index[i] = rest % extent[i];
      rest /= extent[i];
      for (size_t k = 0; k < K; ++k) at[k] += index[i] * stride[i][k];
    }
    while (true) {
      const int64_t count = row - column < last - first ? row - column : last - first;
      Offsets here = at;
      for (size_t k = 0; k < K; ++k) here[k] += column * row_stride[k];
      f(here, count, column);
      first += count;
      if (first >= last) return;
      column = 0;
      for (size_t i = rank; i-- > 0;) {
        for (size_t k = 0; k < K; ++k) at[k] += stride[i][k];
        if (++index[i] < extent[i]) break;
        for (size_t k = 0; k < K; ++k) at[k] -= extent[i] * stride[i][k];
        index[i] = 0;
      }
    }
  }

  // As for_rows, with as many rows at a time as lie equally spaced: f(offsets, Plane<K>).
  template <class F>
  void for_planes(int64_t first, int64_t last, F&& f) const {
    if (first >= last) return;
    const int64_t whole = (first + row - 1) / row * row, spaced = rank == 0 ? 1 : extent[rank - 1];
    const auto one = [&](const Offsets& at, int64_t n, int64_t) {
      f(at, Plane<static_cast<int>(K)>{n, 1, {}});
    };
    if (whole >= last || spaced == 1) return for_rows(first, last, one);
    for_rows(first, whole, one);
    for (int64_t r = whole / row, end = last / row; r < end;) {
      const int64_t rows = spaced - r % spaced < end - r ? spaced - r % spaced : end - r;
      Plane<static_cast<int>(K)> plane{row, rows, {}};
      for (size_t k = 0; k < K; ++k) plane.step[k] = stride[rank - 1][k];
      for_rows(r * row, r * row + 1, [&](const Offsets& at, int64_t, int64_t) { f(at, plane); });
      r += rows;
    }
    for_rows(last - last % row, last, one);
  }

 private:
  bool merges(size_t outer, const Offsets& inner_stride, int64_t inner_extent) const {
    for (size_t k = 0; k < K; ++k)
      if (stride[outer][k] != inner_stride[k] * inner_extent) return false;
    return true;
  }
};

// A walk over `dims`; each tensor is broadcast to them by NumPy's rules (which must hold).
template <class... Descs>
RowWalk<sizeof...(Descs)> broadcast_walk(const Shape& dims, bool keep_rows, const Descs&... descs) {
  constexpr size_t kCount = sizeof...(Descs);
  std::vector<std::array<int64_t, kCount>> strides(dims.size());
  size_t k = 0;
  const auto add = [&](const TensorDesc& t) {
    const Shape own = t.strides();
    const size_t missing = dims.size() - t.rank();
    for (size_t i = 0; i < t.rank(); ++i) strides[missing + i][k] = t.dims[i] == 1 ? 0 : own[i];
    ++k;
  };
  (add(descs), ...);
  return RowWalk<kCount>(dims, strides, keep_rows);
}

}  // namespace openhb::kernels
