// SPDX-License-Identifier: Apache-2.0
#include "common/io/interrupt.h"

#include <atomic>
#include <csignal>

namespace openhb {
namespace {

std::atomic<int> mark{0};
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler writes it");

void note_signal(int signal) { mark.store(signal, std::memory_order_relaxed); }

}  // namespace

void watch_signals() {
  for (const int signal : {SIGINT, SIGTERM}) {
    struct sigaction action{};
    // Ignored by whoever started this process (nohup and the like): that stays so.
    if (::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN) continue;
    action = {};
    action.sa_handler = note_signal;
    action.sa_flags = SA_RESTART | static_cast<int>(SA_RESETHAND);
    ::sigaction(signal, &action, nullptr);
  }
}

void mark_interrupted(int signal) { mark.store(signal, std::memory_order_relaxed); }

bool interrupted() { return mark.load(std::memory_order_relaxed) != 0; }

void check_interrupt() {
  if (const int signal = mark.load(std::memory_order_relaxed)) throw Interrupted(signal);
}

}  // namespace openhb
