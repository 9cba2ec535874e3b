// SPDX-License-Identifier: Apache-2.0
#include "device/engine/pool.h"

#include <pthread.h>
#include <sched.h>

#include <chrono>
#include <system_error>

namespace openhb::engine {
namespace {

using Clock = std::chrono::steady_clock;

// Steps follow one another within microseconds, while a sleeping thread takes many to wake up: a thread first
// watches, then offers its core to others, then sleeps.
constexpr std::chrono::microseconds kWatch{100}, kOffer{2000};

// Waits until the value is not `old`.
uint32_t wait_for_change(const std::atomic<uint32_t>& value, uint32_t old) {
  const auto start = Clock::now();
  for (auto waited = Clock::duration::zero(); waited < kOffer; waited = Clock::now() - start) {
    for (int i = 0; i < 32; ++i) {
      if (const uint32_t now = value.load(std::memory_order_acquire); now != old) return now;
      relax_cpu();
    }
    if (waited > kWatch) std::this_thread::yield();
  }
  value.wait(old, std::memory_order_acquire);
  return value.load(std::memory_order_acquire);
}

}  // namespace

bool bind_thread(uint64_t cpu_mask) noexcept {
  if (cpu_mask == 0) return true;
  cpu_set_t set;
  CPU_ZERO(&set);
  for (size_t i = 0; i < 64; ++i)
    if (cpu_mask >> i & 1) CPU_SET(i, &set);
  return pthread_setaffinity_np(pthread_self(), sizeof(set), &set) == 0;
}

ThreadPool::ThreadPool(int threads, uint64_t cpu_mask) {
  workers_.reserve(static_cast<size_t>(threads - 1));
  try {
    for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i, cpu_mask] { work(i, cpu_mask); });
  } catch (const std::system_error& e) {
    stop();
    fail(ErrorCode::resources, "cannot start {} threads: {}; use fewer", threads, e.what());
  } catch (...) {  // no memory
    stop();
    throw;
  }
}

ThreadPool::~ThreadPool() { stop(); }

void ThreadPool::stop() noexcept {
  runner_ = nullptr;
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::run(Runner& runner, int parts) noexcept {
  runner_ = &runner;
  parts_ = parts;
  // Every worker answers, also one without a part: none can still be reading this job when the next one is
  // written.
  pending_.store(static_cast<uint32_t>(workers_.size()), std::memory_order_relaxed);
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
  runner.run(0, parts);
  for (uint32_t left; (left = pending_.load(std::memory_order_acquire)) != 0;)
    wait_for_change(pending_, left);
}

void ThreadPool::work(int part, uint64_t cpu_mask) noexcept {
  bind_thread(cpu_mask);
  for (uint32_t generation = 0;;) {
    generation = wait_for_change(generation_, generation);
    if (!runner_) return;
    if (part < parts_) runner_->run(part, parts_);
    if (pending_.fetch_sub(1, std::memory_order_acq_rel) == 1) pending_.notify_one();
  }
}

}  // namespace openhb::engine
