// SPDX-License-Identifier: Apache-2.0
// int8 Conv by sdot.
#include "device/kernels/conv/neon_tile.h"

namespace openhb::conv {
namespace {

struct Sdot {
  using Tile = ConvTileI8;
  using Acc = int32x4_t;
  static constexpr bool kTurns = true;
  static constexpr int kDepth = 4;
  template <int kLane>
  [[gnu::always_inline]] static void multiply_add(Acc& acc, const int8x16_t& w, const int8x8_t& x) {
    asm volatile("sdot %0.4s, %1.16b, %2.4b[%3]" : "+w"(acc) : "w"(w), "w"(x), "i"(kLane));
  }
  template <int M, int N>
  using Store = StoreI8<M, N>;
};

}  // namespace

void conv_i8_dotprod(const ConvTileI8& tile) { run_panel<Sdot>(tile); }

}  // namespace openhb::conv
