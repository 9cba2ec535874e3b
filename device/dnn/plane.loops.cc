// SPDX-License-Identifier: Apache-2.0
#include "device/dnn/plane_loops.h"
#include "device/kernels/elementwise/loop.h"

namespace openhb::dnn {
namespace {

// Gathers first and computes then, so that the second loop vectorises. Sums stay exact: at most 255 * 2^22.
template <int kChannels>
void blend_row(const uint8_t* top, const uint8_t* bottom, int32_t row_weight, const int32_t* offsets,
               const int32_t* weights, int32_t count, uint8_t* out) {
  constexpr int kChunk = 64, kPair = 2 * kChannels;
  uint8_t above[kChunk * kPair], below[kChunk * kPair];
  for (int32_t first = 0; first < count; first += kChunk) {
    const int n = count - first < kChunk ? count - first : kChunk;
    for (int k = 0; k < n; ++k) {
      __builtin_memcpy(above + k * kPair, top + offsets[first + k], kPair);
      __builtin_memcpy(below + k * kPair, bottom + offsets[first + k], kPair);
    }
    const int32_t* weight = weights + first;
    uint8_t* to = out + first * kChannels;
    OPENHB_INDEPENDENT
    for (int k = 0; k < n; ++k)
      for (int c = 0; c < kChannels; ++c) {
        const int left = k * kPair + c, right = left + kChannels;
        const int32_t l = above[left] * 2048 + (below[left] - above[left]) * row_weight;
        const int32_t r = above[right] * 2048 + (below[right] - above[right]) * row_weight;
        to[k * kChannels + c] = static_cast<uint8_t>((l * 2048 + (r - l) * weight[k] + (1 << 21)) >> 22);
      }
  }
}

}  // namespace

namespace OPENHB_ISA {
extern const PlaneLoops kPlaneLoops;
const PlaneLoops kPlaneLoops = {{blend_row<1>, blend_row<2>, blend_row<3>}};
}  // namespace OPENHB_ISA

}  // namespace openhb::dnn
