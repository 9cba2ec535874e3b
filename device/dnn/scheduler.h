// SPDX-License-Identifier: Apache-2.0
// BPU cores are groups of threads: one takes tasks and runs them, the others share the work of their steps.
// The most urgent queued task goes first: by priority, then by customId, then by age. One of priority
// HB_DNN_PRIORITY_PREEMP also runs between two steps of a running one of less, on the same thread, above it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>

#include "device/dnn/task.h"
#include "device/engine/pool.h"

namespace openhb::dnn {

inline constexpr int kCores = 2;
inline constexpr int kMaxCoreThreads = 64;

struct CoreThreads {
  int threads;
  uint64_t cpu_mask;
};

class Scheduler;

class Core {
 public:
  Core(Scheduler& scheduler, int index, CoreThreads threads);
  ~Core();
  int32_t id() const { return 1 << index_; }  // hbBPUCore
  // The core whose thread this is; null on the application's threads.
  static Core* current() noexcept;
  // Runs one queued task on this thread, which must be the core's; false when there is none.
  bool run_one() noexcept;

 private:
  struct Context;
  void main() noexcept;
  void rest(uint32_t seen) noexcept;
  void run(Task& task) noexcept;
  int32_t run_models(Task& task);
  int32_t run_model(Task& task, const ModelRun& run, int64_t pass);
  void interrupt(Task& task, bool inside) noexcept;
  static bool border(void* context, size_t next, bool inside) noexcept;

  Scheduler& scheduler_;
  int index_;
  CoreThreads threads_;
  std::unique_ptr<engine::ThreadPool> pool_;
  std::atomic<bool> stop_{false};
  bool pool_is_busy_ = false;  // at a part of the task that is interrupted
  uint64_t last_work_ = 0;
  std::thread thread_;
};

class Scheduler {
 public:
  // Starts the threads at the first call. Throws Error(resources).
  static Scheduler& get();
  static void after_fork() noexcept;

  // False when another thread has released the task meanwhile.
  bool publish(Task& task) noexcept;
  // A queued task will not start; false when it was not queued (any more).
  bool withdraw(Task& task) noexcept;
  // Takes the most urgent task of at least this priority that core `id` may run; it is `running` then.
  Task* pick(int32_t id, int32_t least_priority) noexcept;

  bool has_urgent() const noexcept { return urgent_.load(std::memory_order_relaxed) > 0; }
  // Wakes the cores that sleep when a task waits that another core than `id` may run.
  void wake_others(int32_t id) noexcept;
  // Neither waiting nor running tasks.
  bool is_idle() const noexcept { return queued_.load() == 0 && running_.load() == 0; }
  int running() const noexcept { return running_.load(std::memory_order_relaxed); }
  int cpus() const noexcept { return cpus_; }

  CoreThreads threads(int core) const noexcept { return settings_[core]; }
  // Gives the core that there was before; its end waits for callbacks that it is in. Throws Refusal while
  // tasks are queued or running.
  std::unique_ptr<Core> set_threads(int core, CoreThreads threads);

 private:
  friend class Core;
  // Of `mask`, the queued task that should run first.
  Task* best_of(uint64_t mask, int32_t id, int32_t least_priority) const noexcept;
  void left_queue(const Task& task) noexcept;
  Scheduler();

  int cpus_;
  CoreThreads settings_[kCores];
  WaitWord work_;                      // changes with every queued task
  std::atomic<uint64_t> queued_{0};    // bit i: place i of the table of tasks
  std::atomic<uint32_t> watching_{0};  // cores that look at it without sleeping
  std::atomic<int> urgent_{0}, running_{0};
  std::atomic<uint64_t> sequence_{0};
  std::unique_ptr<Core> cores_[kCores];
};

// Waits for the end of a task, helping when the thread is a core's; nanoseconds < 0: no limit. False: not in
// time, or the handle was closed.
bool wait_done(const TaskRef& task, int64_t nanoseconds) noexcept;
// Ends the life of a task whose handle the caller has closed.
void end_task(TaskRef task) noexcept;
// Calls the callback of a task that has ended, on this thread.
void call_back(Task& task) noexcept;

}  // namespace openhb::dnn
