// SPDX-License-Identifier: Apache-2.0
// One line on stderr that tells how a long measurement goes.
#pragma once

#include <chrono>
#include <string>

namespace openhb::model_exec {

// On a terminal a line that is redrawn; else a line every ten seconds. Nothing in the first two seconds. Not
// for use by two threads at the same time.
class LiveLine {
 public:
  explicit LiveLine(bool quiet);
  ~LiveLine() { hide(); }
  LiveLine(const LiveLine&) = delete;
  LiveLine& operator=(const LiveLine&) = delete;

  // Is it time to call show()?
  bool due() const;
  void show(const std::string& text);
  // Clears the line, so that other output can be written.
  void hide();

 private:
  using Clock = std::chrono::steady_clock;
  bool quiet_, terminal_, shown_ = false;
  Clock::time_point next_;
};

}  // namespace openhb::model_exec
