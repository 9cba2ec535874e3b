// SPDX-License-Identifier: Apache-2.0
// Counts what a program asks the system for (memory, threads, mutexes) and lets it be refused. The test that
// links hooks.cc needs the linker options of openhb_hooks (tests.cmake).
#pragma once

#include <cstdint>

namespace openhb::testing::hooks {

struct Counts {
  uint64_t allocations = 0;  // operator new, malloc and their like, from any thread
  uint64_t threads = 0;      // started
  uint64_t locks = 0;        // pthread_mutex_lock
};
Counts counts() noexcept;

// The n-th request for memory or a thread from now on is refused, counting from 1, and with `all_after` every
// later one, too. 0: none.
void refuse_request(uint64_t n, bool all_after = false) noexcept;
// Since the last refuse_request, while they are counted.
uint64_t requests() noexcept;
// Requests are neither counted nor refused while an object of this type lives (on any thread).
class Pause {
 public:
  Pause() noexcept;
  ~Pause();
  Pause(const Pause&) = delete;
  Pause& operator=(const Pause&) = delete;
};

// Blocks that were allocated and not freed.
int64_t live_blocks() noexcept;

}  // namespace openhb::testing::hooks
