// SPDX-License-Identifier: Apache-2.0
#include "device/dnn/wait_word.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <climits>

namespace openhb::dnn {
namespace {

// The kernel sees the number itself.
uint32_t* address(std::atomic<uint32_t>& value) {
  static_assert(sizeof(value) == sizeof(uint32_t) && std::atomic<uint32_t>::is_always_lock_free);
  return reinterpret_cast<uint32_t*>(&value);
}

}  // namespace

void WaitWord::wake() noexcept {
  ::syscall(SYS_futex, address(value_), FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

void WaitWord::change() noexcept {
  change_quietly();
  if (has_sleepers()) wake();
}

void WaitWord::sleep(uint32_t old, int64_t nanoseconds) noexcept {
  timespec limit{};
  constexpr int64_t kSecond = 1'000'000'000;
  limit.tv_sec = static_cast<time_t>(nanoseconds / kSecond);
  limit.tv_nsec = static_cast<long>(nanoseconds % kSecond);
  sleepers_.fetch_add(1, std::memory_order_seq_cst);
  ::syscall(SYS_futex, address(value_), FUTEX_WAIT_PRIVATE, old, nanoseconds < 0 ? nullptr : &limit, nullptr,
            0);
  sleepers_.fetch_sub(1, std::memory_order_seq_cst);
}

uint64_t now_ns() noexcept {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                   std::chrono::steady_clock::now().time_since_epoch())
                                   .count());
}

}  // namespace openhb::dnn
