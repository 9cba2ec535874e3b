// SPDX-License-Identifier: Apache-2.0
// Frames in flight on several threads, as fast as possible or at a given rate.
#pragma once

#include <cstdio>
#include <span>

#include "device/tools/model_exec/options.h"
#include "device/tools/model_exec/runtime.h"
#include "device/tools/model_exec/sensors.h"
#include "device/tools/model_exec/statistics.h"

namespace openhb::model_exec {

struct Measurement {
  LatencyStats latency;  // with a target from the moment when a frame is due
  double run_time = 0;   // milliseconds
  // With a target: frames that were due; that ended after the next one was due; for which no thread was free.
  uint64_t due = 0, late = 0, left_out = 0;
  SensorRanges sensors;
  bool interrupted = false;  // by Ctrl-C

  double rate() const {  // frames per second
    return run_time > 0 ? 1000 * static_cast<double>(latency.all().count) / run_time : 0;
  }
};

// Runs frames of the model, each of `frames` on a thread of its own, as often as the options say. A line
// every 200 frames and at the end for `out`. Throws Error when a run fails.
Measurement measure(const Options& options, const ModelHandle& model, std::span<Frame> frames,
                    std::FILE* out);

}  // namespace openhb::model_exec
