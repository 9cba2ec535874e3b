// SPDX-License-Identifier: Apache-2.0
// float32 Conv: one fused multiply-add per input channel in ascending order.
#include "device/kernels/conv/neon_tile.h"

namespace openhb::conv {
namespace {

struct Fmla {
  using Tile = ConvTileF32;
  using Acc = float32x4_t;
  static constexpr bool kTurns = false;
  static constexpr int kDepth = 1;
  template <int kLane>
  [[gnu::always_inline]] static void multiply_add(Acc& acc, const int8x16_t& w, const int8x8_t& x) {
    asm volatile("fmla %0.4s, %1.4s, %2.s[%3]" : "+w"(acc) : "w"(w), "w"(x), "i"(kLane));
  }
  template <int M, int N>
  struct Store {
    const OutputStage& stage;
    char* y;
    int64_t y_pitch, outputs;
    Store(const Tile& t, int64_t first, int64_t pixel, int64_t count)
        : stage(t.stage),
          y(static_cast<char*>(t.y) + pixel * t.y_pitch + first * 4),
          y_pitch(t.y_pitch),
          outputs(count) {}
    [[gnu::always_inline]] void run(const Acc (&acc)[M][N]) {
      unroll<0, M>([&](auto index) __attribute__((always_inline)) {
        constexpr int m = decltype(index)::value;
        const Acc zero = vdupq_n_f32(0);
        const Acc sums[4] = {acc[m][0], acc[m][1], N == 4 ? acc[m][N - 2] : zero,
                             N == 4 ? acc[m][N - 1] : zero};
        store16(stage, y, outputs, sums);
        y += y_pitch;
      });
    }
  };
};

}  // namespace

void conv_f32_neon(const ConvTileF32& tile) { run_panel<Fmla>(tile); }

}  // namespace openhb::conv
