// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "device/dnn/profiler.h"

namespace openhb::model_exec {

// Latencies of frames in milliseconds. Exact up to a million frames; of more, percentiles are those of every
// second, fourth, ... one, so that memory is bounded.
class LatencyStats {
 public:
  void add(double milliseconds) {
    if (all_.count % stride_ == 0) kept_.push_back(milliseconds);
    all_.add(milliseconds);
    if (kept_.size() < kMax) return;
    for (size_t i = 0; i < kMax / 2; ++i) kept_[i] = kept_[2 * i];
    kept_.resize(kMax / 2);
    stride_ *= 2;
  }
  const dnn::Latency& all() const { return all_; }
  // The smallest latency that `percent` of the frames do not exceed; 0 without frames.
  double percentile(double percent) const {
    if (kept_.empty()) return 0;
    std::vector<double> sorted = kept_;
    const double rank = std::ceil(percent / 100 * static_cast<double>(sorted.size()));
    const size_t at = std::min(static_cast<size_t>(std::max(rank, 1.0)), sorted.size()) - 1;
    std::nth_element(sorted.begin(), sorted.begin() + static_cast<ptrdiff_t>(at), sorted.end());
    return sorted[at];
  }

 private:
  static constexpr size_t kMax = 1 << 20;
  dnn::Latency all_;
  std::vector<double> kept_;
  uint64_t stride_ = 1;
};

}  // namespace openhb::model_exec
