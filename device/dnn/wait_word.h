// SPDX-License-Identifier: Apache-2.0
// A number that threads wait for to change, with a limit of time; who changes it makes no system call when
// nobody sleeps. (std::atomic::wait has no limit.)
#pragma once

#include <atomic>
#include <cstdint>

namespace openhb::dnn {

class WaitWord {
 public:
  uint32_t load() const noexcept { return value_.load(std::memory_order_seq_cst); }
  // Changes it and wakes all who sleep.
  void change() noexcept;
  // Sleeps until the number is not `old`, something wakes the thread without reason, or `nanoseconds` (< 0:
  // no limit) have passed.
  void sleep(uint32_t old, int64_t nanoseconds) noexcept;
  // For those who change it without waking: is anybody asleep?
  bool has_sleepers() const noexcept { return sleepers_.load(std::memory_order_seq_cst) != 0; }
  void change_quietly() noexcept { value_.fetch_add(1, std::memory_order_seq_cst); }
  void wake() noexcept;

 private:
  std::atomic<uint32_t> value_{0}, sleepers_{0};
};

// Nanoseconds of a clock that only goes forward.
uint64_t now_ns() noexcept;

}  // namespace openhb::dnn
