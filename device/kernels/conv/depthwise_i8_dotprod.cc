// SPDX-License-Identifier: Apache-2.0
// int8 Depthwise by sdot over four rows of the window at a time: a column of 4 rows and 8 channels is
// interleaved to (channel, row).
#include "device/kernels/conv/strip_loops.h"

namespace openhb::conv {
namespace {

struct Dot {
  using Vector = int8x16_t;
  static constexpr int kRows = 4, kVectors = 2;

  static void make(const int8x16_t (&rows)[4], Vector* entry) {
    const int16x8_t a = vreinterpretq_s16_s8(vzip1q_s8(rows[0], rows[1]));
    const int16x8_t b = vreinterpretq_s16_s8(vzip1q_s8(rows[2], rows[3]));
    entry[0] = vreinterpretq_s8_s16(vzip1q_s16(a, b));
    entry[1] = vreinterpretq_s8_s16(vzip2q_s16(a, b));
  }
  static void add(int32x4_t (&acc)[2], const Vector (&x)[2], const Vector (&w)[2]) {
    for (int i = 0; i < 2; ++i) acc[i] = vdotq_s32(acc[i], x[i], w[i]);
  }
};

}  // namespace

void depthwise_i8_dotprod(const DepthwiseStrip& strip) { run_strip<Dot>(strip); }

}  // namespace openhb::conv
