// SPDX-License-Identifier: Apache-2.0
// Threads that share the work of a step: it is split statically, part i always runs on thread i. Sessions
// have their own, or one is lent to those that run one after another (RunControl).
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "device/kernels/kernel.h"

namespace openhb::engine {

class ThreadPool {
 public:
  // `threads` counts the calling thread; at least 1. cpu_mask: bit i allows CPU i for the other threads; 0:
  // all. Throws Error when the system gives no thread.
  explicit ThreadPool(int threads, uint64_t cpu_mask = 0);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }
  // Runs all parts of a step (2 <= parts <= threads), part 0 on the calling thread, and waits for them.
  void run(Runner& runner, int parts) noexcept;

 private:
  void work(int part, uint64_t cpu_mask) noexcept;
  void stop() noexcept;

  // The job; written before `generation_` changes, read after.
  Runner* runner_ = nullptr;  // null: end
  int parts_ = 0;
  std::atomic<uint32_t> generation_{0};
  std::atomic<uint32_t> pending_{0};  // workers that have not finished the job
  std::vector<std::thread> workers_;
};

// Lets the calling thread run on the CPUs of the mask only (0: as it is). False when the system refuses.
bool bind_thread(uint64_t cpu_mask) noexcept;

}  // namespace openhb::engine
