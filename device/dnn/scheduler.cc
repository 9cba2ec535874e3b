// SPDX-License-Identifier: Apache-2.0
#include "device/dnn/scheduler.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdlib>
#include <mutex>

namespace openhb::dnn {
namespace {

std::atomic<Scheduler*> instance{nullptr};

// Made anew in a child process.
struct StartLock {
  std::mutex mutex;
};
std::atomic<StartLock*> start_lock{nullptr};

int available_cpus() {
  cpu_set_t set;
  return ::sched_getaffinity(0, sizeof(set), &set) == 0 ? std::max(CPU_COUNT(&set), 1) : 1;
}

int default_threads(int cpus) {
  const char* text = std::getenv("OPENHB_THREADS");
  if (!text || !*text) return std::clamp(cpus / kCores, 1, kMaxCoreThreads);
  char* end = nullptr;
  const long n = std::strtol(text, &end, 10);
  if (*end || n < 1 || n > kMaxCoreThreads)
    refuse(HB_DNN_INVALID_ARGUMENT, "OPENHB_THREADS is '{}'; it must be a number from 1 to {}", text,
           kMaxCoreThreads);
  return static_cast<int>(n);
}

// Of tasks a and b, is a the more urgent one?
bool before(const Task& a, const Task& b) {
  const auto value = [](const auto& atomic) { return atomic.load(std::memory_order_relaxed); };
  if (value(a.priority) != value(b.priority)) return value(a.priority) > value(b.priority);
  if (value(a.custom_id) != value(b.custom_id)) return value(a.custom_id) < value(b.custom_id);
  return value(a.sequence) < value(b.sequence);
}

uint64_t bit_of(const Task& task) { return 1ull << tasks().place_of(task); }
static_assert(2 * kMaxTasks == 64);

}  // namespace

Scheduler::Scheduler() : cpus_(available_cpus()) {
  for (CoreThreads& setting : settings_) setting = {default_threads(cpus_), 0};
  for (int i = 0; i < kCores; ++i) cores_[i] = std::make_unique<Core>(*this, i, settings_[i]);
}

Scheduler& Scheduler::get() {
  if (Scheduler* scheduler = instance.load(std::memory_order_acquire)) return *scheduler;
  static const int registered = ::pthread_atfork(nullptr, nullptr, [] {
    models().after_fork();
    packages().after_fork();
    tasks().after_fork();
    for (size_t i = 0; i < 2 * kMaxTasks; ++i) tasks().at(i).state.store(TaskState::released);
    Scheduler::after_fork();
  });
  (void)registered;
  StartLock* lock = start_lock.load(std::memory_order_acquire);
  if (!lock) {
    auto fresh = std::make_unique<StartLock>();
    if (start_lock.compare_exchange_strong(lock, fresh.get())) lock = fresh.release();
  }
  const std::lock_guard guard(lock->mutex);
  Scheduler* scheduler = instance.load(std::memory_order_acquire);
  // Never destroyed: its threads may outlive main().
  if (!scheduler) instance.store(scheduler = new Scheduler, std::memory_order_release);
  return *scheduler;
}

// The threads did not come along.
void Scheduler::after_fork() noexcept {
  instance.store(nullptr);
  start_lock.store(nullptr);
}

bool Scheduler::publish(Task& task) noexcept {
  task.sequence.store(sequence_.fetch_add(1, std::memory_order_relaxed), std::memory_order_relaxed);
  if (task.priority.load(std::memory_order_relaxed) >= HB_DNN_PRIORITY_PREEMP)
    urgent_.fetch_add(1, std::memory_order_relaxed);
  const uint32_t cores = task.cores.load(std::memory_order_relaxed);
  task.submitted_ns = now_ns();
  // The bit first: whoever withdraws the task takes it back. It counts for nothing without the state.
  queued_.fetch_or(bit_of(task), std::memory_order_seq_cst);
  TaskState building = TaskState::building;
  if (!task.state.compare_exchange_strong(building, TaskState::queued, std::memory_order_seq_cst)) {
    left_queue(task);  // another thread has just released it
    return false;
  }
  work_.change_quietly();
  // A core that watches will see it; should it take another task instead, it wakes the others.
  if (!(watching_.load(std::memory_order_seq_cst) & cores) && work_.has_sleepers()) work_.wake();
  return true;
}

void Scheduler::left_queue(const Task& task) noexcept {
  queued_.fetch_and(~bit_of(task), std::memory_order_relaxed);
  if (task.priority.load(std::memory_order_relaxed) >= HB_DNN_PRIORITY_PREEMP)
    urgent_.fetch_sub(1, std::memory_order_relaxed);
}

bool Scheduler::withdraw(Task& task) noexcept {
  TaskState queued = TaskState::queued;
  if (!task.state.compare_exchange_strong(queued, TaskState::released, std::memory_order_acq_rel))
    return false;
  left_queue(task);
  return true;
}

Task* Scheduler::best_of(uint64_t mask, int32_t id, int32_t least_priority) const noexcept {
  Task* best = nullptr;
  for (; mask != 0; mask &= mask - 1) {
    Task& task = tasks().at(static_cast<size_t>(std::countr_zero(mask)));
    if (task.state.load(std::memory_order_acquire) == TaskState::queued &&
        (task.cores.load(std::memory_order_relaxed) & static_cast<uint32_t>(id)) &&
        task.priority.load(std::memory_order_relaxed) >= least_priority && (!best || before(task, *best)))
      best = &task;
  }
  return best;
}

Task* Scheduler::pick(int32_t id, int32_t least_priority) noexcept {
  while (Task* best = best_of(queued_.load(std::memory_order_seq_cst), id, least_priority)) {
    TaskState queued = TaskState::queued;
    if (!best->state.compare_exchange_strong(queued, TaskState::running, std::memory_order_acq_rel)) continue;
    left_queue(*best);
    return best;
  }
  return nullptr;
}

void Scheduler::wake_others(int32_t id) noexcept {
  if (work_.has_sleepers() && best_of(queued_.load(std::memory_order_seq_cst), ~id, HB_DNN_PRIORITY_LOWEST))
    work_.wake();
}

std::unique_ptr<Core> Scheduler::set_threads(int core, CoreThreads threads) {
  if (!is_idle())
    refuse(HB_DNN_API_USE_ERROR,
           "tasks are waiting or running; set the threads of cores before, or wait for them");
  auto fresh = std::make_unique<Core>(*this, core, threads);
  cores_[core].swap(fresh);
  settings_[core] = threads;
  return fresh;
}

}  // namespace openhb::dnn
