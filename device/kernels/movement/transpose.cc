// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/movement/transpose.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "device/kernels/elementwise/loop.h"
#include "device/kernels/elementwise/plane.h"

namespace openhb::kernels {
namespace {

// 16 bytes as elements T; every architecture's baseline has such vectors.
template <class T>
using Vector16 = Vector<T, 16 / sizeof(T)>;

template <class T>
Vector16<T> load(const std::byte* from) {
  Vector16<T> v;
  std::memcpy(&v, from, sizeof v);
  return v;
}
template <class V>
void store(std::byte* to, const V& v) {
  std::memcpy(to, &v, sizeof v);
}

// The first (Half 0) or second halves of a and b, element by element in turn.
template <class T, int Half>
Vector16<T> zip(const Vector16<T>& a, const Vector16<T>& b) {
  constexpr int kN = 16 / sizeof(T);
  return [&]<int... I>(std::integer_sequence<int, I...>) {
    return __builtin_shufflevector(a, b, (I / 2 + I % 2 * kN + Half * kN / 2)...);
  }(std::make_integer_sequence<int, kN>());
}

// A square of as many rows as a vector has elements: log2 rounds of zips.
template <class T>
void turn(Vector16<T> (&rows)[16 / sizeof(T)]) {
  constexpr int kN = 16 / sizeof(T);
  Vector16<T> other[kN];
  const auto round = [](const Vector16<T>(&from)[kN], Vector16<T>(&to)[kN]) {
    for (int i = 0; i < kN / 2; ++i) {
      to[2 * i] = zip<T, 0>(from[i], from[i + kN / 2]);
      to[2 * i + 1] = zip<T, 1>(from[i], from[i + kN / 2]);
    }
  };
  for (int n = kN; n > 1; n /= 2) {
    round(rows, other);
    for (int i = 0; i < kN; ++i) rows[i] = other[i];
  }
}

// Both loops' unit strides meet: out[i][j] = in[j][i]. Loads reach up to 15 bytes behind the last i.
template <class T>
void transpose(const std::byte* in, std::byte* out, const LoopPair& p, int64_t first, int64_t last) {
  constexpr int64_t kN = 16 / sizeof(T), kSize = sizeof(T);
  for (int64_t tile = 0; tile < p.j.extent; tile += kCopyTile)
    for (int64_t i = first; i < last; i += kN)
      for (int64_t j = tile, end = std::min(tile + kCopyTile, p.j.extent); j < end; j += kN) {
        const int64_t rows = std::min(kN, end - j), columns = std::min(kN, last - i);
        Vector16<T> block[kN];
        for (int64_t r = 0; r < kN; ++r)
          block[r] = load<T>(in + (j + std::min(r, rows - 1)) * p.j.in + i * kSize);
        turn<T>(block);
        // Where rows lie side by side, the next one overwrites what a whole vector leaves behind.
        const bool side_by_side = p.i.out == rows * kSize && p.j.extent == rows;
        for (int64_t c = 0; c < columns; ++c) {
          std::byte* to = out + (i + c) * p.i.out + j * kSize;
          if (rows == kN || (side_by_side && (columns - c) * p.i.out >= 16))
            store(to, block[c]);
          else
            copy_few(to, &block[c], rows * kSize);
        }
      }
}

// The same for two to four rows of bytes, such as the planes of a picture.
template <int64_t C>
void interleave(const std::byte* in, std::byte* out, const LoopPair& p, int64_t first, int64_t last) {
  using Codes = Vector16<int8_t>;
  const int64_t step = p.i.out;
  const std::byte* row[4];
  for (int64_t c = 0; c < 4; ++c) row[c] = in + std::min(c, C - 1) * p.j.in;
  for (int64_t i = first; i < last; i += 16) {
    Codes r[4];
    for (int c = 0; c < 4; ++c) r[c] = load<int8_t>(row[c] + i);
    std::byte few[64], *to = out + i * step;
    const int64_t n = std::min<int64_t>(16, last - i);
    if constexpr (C == 2) {
      store(few, zip<int8_t, 0>(r[0], r[1]));
      store(few + 16, zip<int8_t, 1>(r[0], r[1]));
    } else {
      const Codes low02 = zip<int8_t, 0>(r[0], r[2]), high02 = zip<int8_t, 1>(r[0], r[2]);
      const Codes low13 = zip<int8_t, 0>(r[1], r[3]), high13 = zip<int8_t, 1>(r[1], r[3]);
      store(few, zip<int8_t, 0>(low02, low13));
      store(few + 16, zip<int8_t, 1>(low02, low13));
      store(few + 32, zip<int8_t, 0>(high02, high13));
      store(few + 48, zip<int8_t, 1>(high02, high13));
    }
    constexpr int64_t kStored = C == 2 ? 2 : 4;
    if (n == 16 && step == kStored && C == kStored) {
      std::memcpy(to, few, 16 * kStored);
    } else if (C == 3 && n == 16 && step == 4 && i + 16 < p.i.extent) {
      // The byte between pixels is not ours: it stays as it is. That of the last pixel may not even exist.
      const Vector16<uint32_t> kPixel = 0xffffff - Vector16<uint32_t>{};
      for (int64_t k = 0; k < 64; k += 16) {
        const auto pixels = load<uint32_t>(few + k), before = load<uint32_t>(to + k);
        store(to + k, (pixels & kPixel) | (before & ~kPixel));
      }
    } else if (C == 3 && n == 16 && step == C) {
      // Four bytes each; the next pixel overwrites the fourth.
      for (int64_t k = 0; k < 15; ++k) std::memcpy(to + k * 3, few + k * 4, 4);
      std::memcpy(to + 45, few + 60, 3);
    } else {
      for (int64_t k = 0; k < n; ++k) std::memcpy(to + k * step, few + k * kStored, C);
    }
  }
}

// Every second byte of each row: in stride 2, out stride 1.
void copy_even_bytes(const std::byte* in, std::byte* out, const LoopPair& p, int64_t first, int64_t last) {
  for (int64_t i = first; i < last; ++i) {
    const std::byte* from = in + i * p.i.in;
    std::byte* to = out + i * p.i.out;
    for (int64_t j = 0; j < p.j.extent; j += 16, from += 32, to += 16) {
      const int64_t n = std::min<int64_t>(16, p.j.extent - j);
      const auto even = __builtin_shufflevector(load<int8_t>(from), load<int8_t>(n > 8 ? from + 16 : from), 0,
                                                2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
      n == 16 ? store(to, even) : copy_few(to, &even, n);
    }
  }
}

// Any strides, in tiles so that a transpose touches few cache lines; memmove, as tensors may overlap.
template <size_t Size>
void copy_tiles(const std::byte* in, std::byte* out, const LoopPair& p, int64_t first, int64_t last) {
  for (int64_t j0 = 0; j0 < p.j.extent; j0 += kCopyTile) {
    const int64_t j1 = std::min(j0 + kCopyTile, p.j.extent);
    for (int64_t i = first; i < last; ++i) {
      const std::byte* from = in + i * p.i.in;
      std::byte* to = out + i * p.i.out;
      for (int64_t j = j0; j < j1; ++j) std::memmove(to + j * p.j.out, from + j * p.j.in, Size);
    }
  }
}

}  // namespace

PairCopy choose_pair_copy(int64_t size, const LoopPair& p) {
  if (p.i.in == size && p.j.out == size && p.i.extent > 1) {
    if (size == 1 && p.j.extent >= 2 && p.j.extent <= 4) {
      constexpr PairCopy kFew[] = {interleave<2>, interleave<3>, interleave<4>};
      return kFew[p.j.extent - 2];
    }
    if (size == 1) return transpose<int8_t>;
    if (size == 2) return transpose<int16_t>;
    if (size == 4) return transpose<int32_t>;
  }
  if (size == 1 && p.j.in == 2 && p.j.out == 1) return copy_even_bytes;
  constexpr std::pair<int64_t, PairCopy> kSizes[] = {
      {1, copy_tiles<1>}, {2, copy_tiles<2>}, {3, copy_tiles<3>},   {4, copy_tiles<4>},
      {6, copy_tiles<6>}, {8, copy_tiles<8>}, {12, copy_tiles<12>}, {16, copy_tiles<16>}};
  for (const auto& [bytes, copy] : kSizes)
    if (bytes == size) return copy;
  return nullptr;
}

void copy_row(std::byte* to, const std::byte* from, int64_t n) {
  constexpr int64_t kFew = 256;
  if (n >= kFew) return static_cast<void>(std::memmove(to, from, static_cast<size_t>(n)));
  if (n < 16) return copy_few(to, from, n);
  for (int64_t i = 0; i + 16 <= n; i += 16) store(to + i, load<int8_t>(from + i));
  store(to + n - 16, load<int8_t>(from + n - 16));
}

}  // namespace openhb::kernels
