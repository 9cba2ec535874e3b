// SPDX-License-Identifier: Apache-2.0
// How fast this CPU can be: the measure that perf compares steps with.
#pragma once

namespace openhb::model_exec {

// Multiply-accumulates per nanosecond.
struct Peak {
  double int8 = 0, f32 = 0;
  int threads = 1;  // that shared the work
};

// Runs a convolution of 1x1, int8 of 256 to 256 channels on 32 x 32 pixels, float32 of 128 to 128 on 16 x 16:
// 64 KiB of weights each, which stay in the nearest caches, through the engine, on `threads` threads, for
// about 30 ms each; the fastest run counts.
Peak measure_peak(int threads);

}  // namespace openhb::model_exec
