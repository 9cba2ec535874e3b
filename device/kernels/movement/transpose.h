// SPDX-License-Identifier: Apache-2.0
// Two nested loops that copy small elements, with their access patterns' kernels.
#pragma once

#include <cstddef>
#include <cstdint>

namespace openhb::kernels {

// One loop of a copy; strides in bytes.
struct Loop {
  int64_t extent, in, out;
};

// j: the loop with the smallest output stride; i: of the others, the one with the smallest input stride.
struct LoopPair {
  Loop i, j;
};

inline constexpr int64_t kCopyTile = 64;  // iterations of i that are done together

// Copies the elements of the iterations [first, last) of i, at most kCopyTile, and all of j. Where the
// tensors overlap, as in damaged files, the result is open.
using PairCopy = void (*)(const std::byte* in, std::byte* out, const LoopPair& p, int64_t first,
                          int64_t last);

// The fastest kernel for elements of `size` bytes; nullptr when there is none for the size.
PairCopy choose_pair_copy(int64_t size, const LoopPair& p);

// n bytes that do not overlap, inline where they are few.
void copy_row(std::byte* to, const std::byte* from, int64_t n);

}  // namespace openhb::kernels
