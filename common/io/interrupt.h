// SPDX-License-Identifier: Apache-2.0
// Ctrl-C and `kill`: work in progress looks for them at points where stopping leaves nothing half-done.
#pragma once

#include <exception>

namespace openhb {

class Interrupted : public std::exception {
 public:
  explicit Interrupted(int signal) : signal_(signal) {}
  int signal() const { return signal_; }
  int exit_status() const { return 128 + signal_; }  // as shells count: 130 after Ctrl-C
  const char* what() const noexcept override { return "interrupted"; }

 private:
  int signal_;
};

// From here on SIGINT and SIGTERM only leave a mark; the second one ends the process at once.
void watch_signals();
// Marks the process as interrupted, as a signal does; 0 takes the mark away.
void mark_interrupted(int signal);
bool interrupted();
// Throws Interrupted if the mark is there.
void check_interrupt();

}  // namespace openhb
