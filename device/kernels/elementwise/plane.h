// SPDX-License-Identifier: Apache-2.0
// Rows of equal length, and how *.loops.cc files walk them: rows of a few elements are as common as long
// ones, so the loop over rows belongs to the kernel. File-local code: ISA files must not share any.
#pragma once

#include <cstdint>

namespace openhb::kernels {

// `rows` rows of n elements; operand k advances by step[k] elements from row to row.
template <int K>
struct Plane {
  int64_t n, rows, step[K];
};

namespace {

// Loops run over multiples of this many elements; what is left of a row is computed in a buffer of as many.
constexpr int64_t kTail = 16;
constexpr int64_t kLeastTail = 4;  // fewer are done one by one

// bytes < 256, in pieces of compile-time sizes.
inline void copy_few(void* to, const void* from, int64_t bytes) {
  char* t = static_cast<char*>(to);
  const char* f = static_cast<const char*>(from);
  const auto piece = [&]<int64_t Size>() {
    if ((bytes & Size) == 0) return;
    __builtin_memcpy(t, f, Size);
    t += Size, f += Size;
  };
  piece.template operator()<128>(), piece.template operator()<64>(), piece.template operator()<32>();
  piece.template operator()<16>(), piece.template operator()<8>(), piece.template operator()<4>();
  piece.template operator()<2>(), piece.template operator()<1>();
}

// core(x, y, n) computes n elements; y may be x.
template <class X, class Y, class Core>
inline void run_plane(const X* x, Y* y, const Plane<2>& p, const Core& core) {
  const int64_t rest = p.n % kTail >= kLeastTail ? p.n % kTail : 0, whole = p.n - rest;
  X few[kTail] = {};
  Y results[kTail];
  for (int64_t r = 0; r < p.rows; ++r, x += p.step[0], y += p.step[1]) {
    if (whole != 0) core(x, y, whole);
    if (rest == 0) continue;
    copy_few(few, x + whole, rest * static_cast<int64_t>(sizeof(X)));
    core(few, results, kTail);
    copy_few(y + whole, results, rest * static_cast<int64_t>(sizeof(Y)));
  }
}

}  // namespace
}  // namespace openhb::kernels
