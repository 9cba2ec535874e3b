// SPDX-License-Identifier: Apache-2.0
// What a core's thread does.
#include <algorithm>

#include "device/dnn/observing.h"
#include "device/dnn/scheduler.h"
#include "device/engine/cpu.h"

namespace openhb::dnn {
namespace {

// After a task the next one often follows at once, and a sleeping thread takes long to wake: a core looks for
// work for a while before it sleeps.
constexpr uint64_t kWatchNs = 500'000;

thread_local Core* this_core = nullptr;
thread_local const Task* called_back = nullptr;  // whose callback runs on this thread

}  // namespace

Core::Core(Scheduler& scheduler, int index, CoreThreads threads)
    : scheduler_(scheduler),
      index_(index),
      threads_(threads),
      pool_(threads.threads > 1 ? std::make_unique<engine::ThreadPool>(threads.threads, threads.cpu_mask)
                                : nullptr) {
  try {
    thread_ = std::thread([this] { main(); });
  } catch (const std::system_error& e) {
    fail(ErrorCode::resources, "cannot start a thread: {}", e.what());
  }
}

Core::~Core() {
  stop_.store(true);
  scheduler_.work_.change();
  thread_.join();
}

Core* Core::current() noexcept { return this_core; }

void Core::main() noexcept {
  engine::bind_thread(threads_.cpu_mask);
  this_core = this;
  for (;;) {
    const uint32_t seen = scheduler_.work_.load();  // before stop_: what comes later changes it
    if (stop_.load()) return;
    if (!run_one()) rest(seen);
  }
}

// Until there is work. Spins for a while, makes no system call then.
void Core::rest(uint32_t seen) noexcept {
  const auto bit = static_cast<uint32_t>(id());
  if (scheduler_.cpus() > 1 && now_ns() - last_work_ < kWatchNs) {
    scheduler_.watching_.fetch_or(bit, std::memory_order_seq_cst);
    bool work = false;
    while (!(work = scheduler_.work_.load() != seen) && now_ns() - last_work_ < kWatchNs)
      for (int i = 0; i < 16; ++i) relax_cpu();
    scheduler_.watching_.fetch_and(~bit, std::memory_order_seq_cst);
    if (work) return;
  }
  scheduler_.work_.sleep(seen, -1);
}

bool Core::run_one() noexcept {
  Task* task = scheduler_.pick(id(), HB_DNN_PRIORITY_LOWEST);
  if (!task) return false;
  scheduler_.wake_others(id());
  run(*task);
  last_work_ = now_ns();
  return true;
}

void Core::run(Task& task) noexcept {
  task.core.store(this, std::memory_order_relaxed);
  scheduler_.running_.fetch_add(1, std::memory_order_relaxed);
  task.ran_on = id();
  task.started_ns = now_ns();
  if (task.is_resize) {
    run_resize(task.resize);
  } else {
    task.status = guarded("Task", [&] { return run_models(task); });
  }
  task.ended_ns = now_ns();
  scheduler_.running_.fetch_sub(1, std::memory_order_relaxed);
  if (task.abandoned) {  // by this very thread, in a callback of a task that interrupted it
    tasks().unpin_value(task);
    return;
  }
  // One that is being released calls nothing, even when it was too late to stop it.
  const bool has_callback =
      task.callback.exchange(Task::Callback::ended, std::memory_order_acq_rel) == Task::Callback::set &&
      !task.cancelled.load(std::memory_order_relaxed);
  task.in_callback.store(has_callback, std::memory_order_relaxed);
  // From here on the task may be released, and its place hold another one, unless it is in its callback.
  task.state.store(TaskState::done, std::memory_order_release);
  task.changed.change();
  if (has_callback) call_back(task);
}

void call_back(Task& task) noexcept {
  const void* const outer = called_back;
  called_back = &task;
  task.done(tasks().handle_of(task), task.status, task.userdata);
  // When the callback has released the task, in_callback went with it (end_task).
  if (called_back == &task) {
    task.in_callback.store(false, std::memory_order_release);
    task.changed.change();
  }
  called_back = static_cast<const Task*>(outer);
}

int32_t Core::run_models(Task& task) {
  for (const ModelRun& run : task.runs) {
    const int64_t batch = run.model->model->batch();
    const int64_t passes = run.samples == 0 ? 1 : (run.samples + batch - 1) / batch;
    for (int64_t pass = 0; pass < passes; ++pass)
      if (const int32_t status = run_model(task, run, pass); status != HB_DNN_SUCCESS) return status;
  }
  return HB_DNN_SUCCESS;
}

namespace {

// Inputs of one pass: everything, or (hbDNNRoiInfer) the samples of this pass.
void store_inputs(const Task& task, const ModelRun& run, int64_t pass, engine::Session& session) noexcept {
  const LoadedModel& model = *run.model->model;
  const hbDNNTensor* tensor = task.inputs.data() + run.first_input;
  const size_t count = model.inputs().size();
  for (size_t i = 0; i < count && run.samples == 0; ++i) {
    const InputPort& port = *model.inputs()[i];
    std::byte* storage = session.input(i).data();
    for (int64_t first = 0; first < port.batch();) {
      const int64_t samples = port.samples_of(*tensor);
      port.store(tensor++, first, samples, storage);
      first += samples;
    }
  }
  size_t resizer = 0;
  for (size_t i = 0; i < count && run.samples != 0; ++i) {
    const InputPort& port = *model.inputs()[i];
    std::byte* storage = session.input(i).data();
    const bool region = port.source() == HB_DNN_INPUT_FROM_RESIZER;
    for (int64_t s = 0; s < model.batch(); ++s) {
      const auto data = static_cast<size_t>(pass * model.batch() + s);
      const bool there = data < static_cast<size_t>(run.samples);
      const hbDNNTensor* from = there ? tensor + data * count + i : nullptr;
      if (!region && model.batch() == 1)
        port.store(from, 0, port.batch(), storage);
      else if (region)
        port.store_region(
            from, there ? task.rois.data() + run.first_roi + data * model.resizers() + resizer : nullptr, s,
            storage);
      else
        port.store(from, s, 1, storage);
    }
    resizer += region;
  }
}

// Gives the session back, whatever happens.
class Lease {
 public:
  explicit Lease(LoadedModel& model) : model_(model), session_(model.take_session()) {}
  ~Lease() { model_.give_back(session_); }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  engine::Session& session() { return session_; }

 private:
  LoadedModel& model_;
  engine::Session& session_;
};

}  // namespace

// What a run's borders see.
struct Core::Context {
  Core& core;
  Task& task;
  const LoadedModel& model;
  size_t last = 0;  // steps before it are known to be done
};

int32_t Core::run_model(Task& task, const ModelRun& run, int64_t pass) {
  if (task.cancelled.load(std::memory_order_relaxed)) return HB_DNN_RUN_TASK_FAILED;
  LoadedModel& model = *run.model->model;
  Lease lease(model);
  engine::Session& session = lease.session();
  const ObserverUse use;
  Observer* const observer = use.get();
  RunTimes times{.pending = task.started_ns - task.submitted_ns, .core = id()};
  uint64_t before = now_ns();
  const auto lap = [&] {
    const uint64_t now = now_ns(), spent = now - before;
    before = now;
    return spent;
  };
  store_inputs(task, run, pass, session);
  times.prepare = lap();
  if (observer) observer->before(*model.engine_model(), session);
  Context context{*this, task, model};
  const bool complete = session.run({pool_is_busy_ ? nullptr : pool_.get(), &Core::border, &context});
  times.run = lap();
  if (complete)
    for (size_t i = 0; i < model.outputs().size(); ++i)
      model.outputs()[i]->load(session.output(i).data(), task.outputs[run.first_output + i], pass);
  times.deliver = lap();
  if (!complete)
    if (const std::string why = session.failure(); !why.empty())
      OPENHB_LOG(Level::error, "Plugin", "{}", why);
  const int32_t status = complete ? HB_DNN_SUCCESS : HB_DNN_RUN_TASK_FAILED;
  if (complete) model.last_run_ns.store(times.prepare + times.run + times.deliver, std::memory_order_relaxed);
  if (observer) observer->after(*model.engine_model(), session, times, status);
  return status;
}

bool Core::border(void* pointer, size_t next, bool inside) noexcept {
  Context& context = *static_cast<Context*>(pointer);
  if (context.task.cancelled.load(std::memory_order_relaxed)) return false;
  const bool urgent = context.core.scheduler_.has_urgent() &&
                      context.task.priority.load(std::memory_order_relaxed) < HB_DNN_PRIORITY_PREEMP;
  bool allowed = context.model.may_interrupt_anywhere();
  for (size_t step = context.last; urgent && !allowed && step < next; ++step)
    allowed = context.model.may_interrupt_after(step);
  if (urgent && allowed) context.core.interrupt(context.task, inside);
  context.last = next;
  return true;
}

void Core::interrupt(Task& task, bool inside) noexcept {
  // Inside of a chain the core's other threads may still be at their parts of it: then this thread does it
  // alone.
  const bool outer = pool_is_busy_;
  pool_is_busy_ = outer || inside;
  while (Task* urgent = scheduler_.pick(id(), HB_DNN_PRIORITY_PREEMP)) {
    const uint64_t start = now_ns();
    run(*urgent);
    task.interrupted_ns += now_ns() - start;
    ++task.interruptions;
  }
  pool_is_busy_ = outer;
}

bool wait_done(const TaskRef& task, int64_t nanoseconds) noexcept {
  const uint64_t start = now_ns();
  const auto left = [&]() -> int64_t {
    if (nanoseconds < 0) return -1;
    return std::max<int64_t>(nanoseconds - static_cast<int64_t>(now_ns() - start), 0);
  };
  const auto done = [&] { return task->state.load(std::memory_order_acquire) == TaskState::done; };
  const auto closed = [&] { return !tasks().is_open(task); };
  Core* const core = Core::current();
  // A model that will be ready soon is waited for awake, if the machine has nothing else to do.
  const Scheduler& scheduler = Scheduler::get();
  constexpr uint64_t kSoonNs = 2'000'000, kMarginNs = 50'000;
  const uint64_t expected = task->expected_ns();
  const bool alone = scheduler.cpus() > 1 && scheduler.running() <= 1;
  const uint64_t awake = core || !alone ? 0 : expected <= kSoonNs ? 2 * expected + kMarginNs : kMarginNs;
  for (;;) {
    const uint32_t seen = task->changed.load();
    if (closed()) return false;
    if (done()) return true;
    const int64_t rest = left();
    if (rest == 0) return false;
    if (core && core->run_one()) continue;
    if (now_ns() - start < awake) {
      for (int i = 0; i < 16; ++i) relax_cpu();
      continue;
    }
    // A core's thread looks for work from time to time: the task may be behind another one that is not queued
    // yet.
    constexpr int64_t kLook = 1'000'000;
    task->changed.sleep(seen, core ? (rest < 0 ? kLook : std::min(rest, kLook)) : rest);
  }
}

void end_task(TaskRef ref) noexcept {
  Task& task = *ref;
  TaskState state = task.state.load(std::memory_order_acquire);
  while (state == TaskState::building || state == TaskState::queued) {
    if (state == TaskState::queued ? Scheduler::get().withdraw(task)
                                   : task.state.compare_exchange_strong(state, TaskState::released)) {
      state = TaskState::released;
      break;
    }
    state = task.state.load(std::memory_order_acquire);
  }
  if (state == TaskState::running) {
    task.cancelled.store(true, std::memory_order_relaxed);
    if (Core::current() && task.core.load(std::memory_order_relaxed) == Core::current()) {
      task.abandoned = true;  // it goes on below this call; Core::run drops the life of the handle
      task.changed.change();
      return;
    }
    for (;;) {
      const uint32_t seen = task.changed.load();
      if (task.state.load(std::memory_order_acquire) == TaskState::done) break;
      task.changed.sleep(seen, -1);
    }
  }
  if (called_back == &task) {
    called_back = nullptr;  // the callback itself: nothing of the task is touched after it
  } else {
    for (;;) {
      const uint32_t seen = task.changed.load();
      if (!task.in_callback.load(std::memory_order_acquire)) break;
      task.changed.sleep(seen, -1);
    }
  }
  task.changed.change();  // for those who wait for it
  tasks().unpin_value(task);
}

}  // namespace openhb::dnn
