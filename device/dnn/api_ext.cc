// SPDX-License-Identifier: Apache-2.0
// openhb_ext.h: threads, memory, times.
#include <sched.h>

#include <algorithm>
#include <cstring>
#include <mutex>

#include "common/program/pack.h"
#include "device/dnn/scheduler.h"
#include "device/engine/cpu.h"
#include "dnn/openhb_ext.h"

namespace openhb::dnn {
namespace {

std::mutex& thread_settings() {
  static std::mutex& mutex = *new std::mutex;
  return mutex;
}

int core_index(int32_t id) {
  if (id != HB_BPU_CORE_0 && id != HB_BPU_CORE_1)
    refuse(HB_DNN_INVALID_ARGUMENT, "bpuCoreId is {}; it must be HB_BPU_CORE_0 or HB_BPU_CORE_1", id);
  return id == HB_BPU_CORE_0 ? 0 : 1;
}

// Fills the caller's structure as far as it knows the fields.
template <class T>
void deliver(T* to, T value) {
  require_pointer(to, "the structure");
  if (to->structSize < sizeof(uint64_t) || to->structSize > 4096)
    refuse(HB_DNN_INVALID_ARGUMENT, "structSize is {}; set it to sizeof the structure ({})", to->structSize,
           sizeof(T));
  value.structSize = to->structSize;
  std::memcpy(to, &value, std::min<size_t>(to->structSize, sizeof(T)));
}

// About what descriptions and kernels take beside the arena: measured on the models of the benchmarks.
constexpr uint64_t kBytesPerStep = 2048, kBytesPerTensor = 512;

uint64_t overhead(const Program& program) {
  return program.steps.size() * kBytesPerStep + program.tensors.size() * kBytesPerTensor;
}

}  // namespace
}  // namespace openhb::dnn

using namespace openhb;
using namespace openhb::dnn;

extern "C" {

const char* openhbGetCpuFeatures(void) {
  static const std::string& text = *[] {
    auto* names = new std::string;
    const CpuFeatures cpu = usable_cpu();
    for (const std::string& level : runnable_isa_levels())
      if (level != "ref" && (isa_level(level) & ~cpu) == 0) *names += (names->empty() ? "" : " ") + level;
    if (names->empty()) *names = "ref";
    return names;
  }();
  return text.c_str();
}

int32_t openhbSetCoreThreads(int32_t bpuCoreId, int32_t threads, uint64_t cpuMask) {
  return guarded("Task", [&] {
    const int core = core_index(bpuCoreId);
    Scheduler& scheduler = Scheduler::get();
    if (threads < 1 || threads > kMaxCoreThreads)
      refuse(HB_DNN_INVALID_ARGUMENT, "threads is {}; it must be 1 to {}", threads, kMaxCoreThreads);
    cpu_set_t set;
    uint64_t usable = 0;
    if (::sched_getaffinity(0, sizeof(set), &set) == 0)
      for (size_t i = 0; i < 64; ++i)
        if (CPU_ISSET(i, &set)) usable |= 1ull << i;
    if (cpuMask != 0 && (cpuMask & usable) == 0)
      refuse(HB_DNN_INVALID_ARGUMENT, "no CPU of cpuMask {:#x} can be used; those of this process are {:#x}",
             cpuMask, usable);
    if (Core::current())  // which would wait for its own end
      refuse(HB_DNN_API_USE_ERROR,
             "called in a callback of a task; set the threads of cores from another thread");
    std::unique_ptr<Core> old;  // ends after the lock: a callback that it waits for may need that
    const std::lock_guard lock(thread_settings());
    old = scheduler.set_threads(core, {threads, cpuMask});
    return HB_DNN_SUCCESS;
  });
}

int32_t openhbGetCoreThreads(int32_t bpuCoreId, int32_t* threads, uint64_t* cpuMask) {
  return guarded("Task", [&] {
    const int core = core_index(bpuCoreId);
    require_pointer(threads, "threads");
    require_pointer(cpuMask, "cpuMask");
    Scheduler& scheduler = Scheduler::get();
    const std::lock_guard lock(thread_settings());
    *threads = scheduler.threads(core).threads;
    *cpuMask = scheduler.threads(core).cpu_mask;
    return HB_DNN_SUCCESS;
  });
}

int32_t openhbGetFileMemoryPlan(openhbMemoryPlan* plan, const char* modelFileName, const char* modelName) {
  return guarded("Model", [&] {
    require_pointer(plan, "plan");
    require_pointer(modelFileName, "modelFileName");
    const std::vector<Program> programs = read_programs(modelFileName);
    const Program* found = nullptr;
    for (const Program& program : programs)
      if (modelName ? program.name == modelName : programs.size() == 1) found = &program;
    if (!found)
      refuse(HB_DNN_INVALID_ARGUMENT, "'{}' holds {} models; {}", modelFileName, programs.size(),
             modelName ? fmt::format("none is named '{}'", modelName) : "give modelName");
    openhbMemoryPlan result{};
    result.weightBytes = found->weights.size();
    result.arenaBytes = found->arena_size;
    result.overheadBytes = overhead(*found);
    result.peakBytes = result.weightBytes + result.arenaBytes + result.overheadBytes;
    deliver(plan, result);
    return HB_DNN_SUCCESS;
  });
}

int32_t openhbGetModelMemory(openhbModelMemory* memory, hbDNNHandle_t dnnHandle) {
  return guarded("Model", [&] {
    const ModelRef model = find_model(dnnHandle);
    openhbModelMemory result{};
    result.arenaBytes = model->model->program().arena_size;
    result.arenas = model->model->sessions();
    result.privateBytes = result.arenaBytes * static_cast<uint64_t>(result.arenas);
    result.weightBytes = model->model->program().weights.size();
    deliver(memory, result);
    return HB_DNN_SUCCESS;
  });
}

int32_t openhbGetTaskMemory(uint64_t* bytes, hbDNNTaskHandle_t taskHandle) {
  return guarded("Task", [&] {
    require_pointer(bytes, "bytes");
    const TaskRef task = tasks().acquire(taskHandle);
    if (!task) refuse_handle(tasks(), taskHandle, HB_DNN_INVALID_TASK_HANDLE, "task handle", "hbDNNInfer");
    if (task->state.load(std::memory_order_acquire) == TaskState::building)
      refuse(HB_DNN_API_USE_ERROR, "the task still gets further models (more = 1)");
    uint64_t most = 0;  // its models run one after the other
    for (const ModelRun& run : task->runs) most = std::max(most, run.model->model->program().arena_size);
    *bytes = most;
    return HB_DNN_SUCCESS;
  });
}

int32_t openhbGetTaskTimes(openhbTaskTimes* times, hbDNNTaskHandle_t taskHandle) {
  return guarded("Task", [&] {
    const TaskRef task = tasks().acquire(taskHandle);
    if (!task) refuse_handle(tasks(), taskHandle, HB_DNN_INVALID_TASK_HANDLE, "task handle", "hbDNNInfer");
    if (task->state.load(std::memory_order_acquire) != TaskState::done)
      refuse(HB_DNN_API_USE_ERROR, "the task is not done; wait for it first");
    openhbTaskTimes result{};
    result.bpuCoreId = task->ran_on;
    result.pendingNs = task->started_ns - task->submitted_ns;
    result.runningNs = task->ended_ns - task->started_ns;
    result.interruptedNs = task->interrupted_ns;
    result.interruptions = task->interruptions;
    deliver(times, result);
    return HB_DNN_SUCCESS;
  });
}

}  // extern "C"
