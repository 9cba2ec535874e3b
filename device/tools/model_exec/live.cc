// SPDX-License-Identifier: Apache-2.0
#include "device/tools/model_exec/live.h"

#include <unistd.h>

#include <cstdio>

namespace openhb::model_exec {

LiveLine::LiveLine(bool quiet)
    : quiet_(quiet),
      terminal_(::isatty(::fileno(stderr)) != 0),
      next_(Clock::now() + (terminal_ ? std::chrono::seconds(2) : std::chrono::seconds(10))) {}

bool LiveLine::due() const { return !quiet_ && Clock::now() >= next_; }

void LiveLine::show(const std::string& text) {
  next_ = Clock::now() + (terminal_ ? std::chrono::milliseconds(200) : std::chrono::milliseconds(10'000));
  std::fprintf(stderr, terminal_ ? "\r%s\033[K" : "%s\n", text.c_str());
  std::fflush(stderr);
  shown_ = terminal_;
}

void LiveLine::hide() {
  if (!shown_) return;
  std::fputs("\r\033[K", stderr);
  std::fflush(stderr);
  shown_ = false;
}

}  // namespace openhb::model_exec
