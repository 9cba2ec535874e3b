// SPDX-License-Identifier: Apache-2.0
// Limits of waiting.
#pragma once

#include <algorithm>
#include <chrono>

namespace openhb::verify {

// Nothing sleeps for longer, so Ctrl-C is seen soon.
inline constexpr int kSliceMs = 50;

inline double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

class Deadline {
 public:
  explicit Deadline(double seconds) : seconds_(seconds), end_(now_seconds() + seconds) {}
  double seconds() const { return seconds_; }
  double left() const { return std::max(0.0, end_ - now_seconds()); }
  bool passed() const { return left() <= 0; }
  // Milliseconds that may be slept now, at most `most`.
  int slice(int most) const {
    return static_cast<int>(std::min(left() * 1e3 + 1, static_cast<double>(most)));
  }

 private:
  double seconds_, end_;
};

}  // namespace openhb::verify
