// SPDX-License-Identifier: Apache-2.0
// The output stage for accumulators that the kernel rows of Conv and Depthwise leave in memory. Plain data
// only: ISA files include this.
#pragma once

#include "device/kernels/conv/tile.h"

namespace openhb::conv {

enum class FinishKind { i64_i16, i64_i8, i64_f32, i32_i16 };  // accumulators, outputs

struct FinishTile {
  FinishKind kind;
  const void* sums;        // [pixels][sums_pitch], int64 or int32, whole blocks of 16
  const void* multiplier;  // float64 or (int32) float32, whole blocks too
  char* y;
  int64_t sums_pitch;  // elements
  int64_t y_pitch;     // bytes
  int32_t pixels, outputs;
  OutputStage stage;
};

// finish.loops.cc, compiled for several levels.
namespace ref {
void finish(const FinishTile& tile);
}
namespace avx2 {
void finish(const FinishTile& tile);
}
namespace avx512 {
void finish(const FinishTile& tile);
}
namespace neon {
void finish(const FinishTile& tile);
}

}  // namespace openhb::conv
