// SPDX-License-Identifier: Apache-2.0
// Tasks: submit, wait, release.
#include <cstring>

#include "device/dnn/scheduler.h"
#include "dnn/hb_dnn.h"

namespace openhb::dnn {
namespace {

TaskRef find_task(const void* handle) {
  TaskRef ref = tasks().acquire(handle);
  if (!ref) refuse_handle(tasks(), handle, HB_DNN_INVALID_TASK_HANDLE, "task handle", "hbDNNInfer");
  return ref;
}

TaskRef new_task(size_t first_place, const char* what) {
  TaskRef task = tasks().take(first_place, first_place + kMaxTasks);
  if (!task)
    refuse(HB_DNN_TASK_NUM_EXCEED_LIMIT, "there are {} {} tasks; release finished ones (hbDNNReleaseTask)",
           kMaxTasks, what);
  task->state.store(TaskState::building, std::memory_order_relaxed);  // after fork() places are not
  return task;
}

uint32_t core_bits(int32_t core) {
  constexpr int32_t kAll = HB_BPU_CORE_0 | HB_BPU_CORE_1;
  if (core < 0 || core > kAll)
    refuse(HB_DNN_INVALID_ARGUMENT, "bpuCoreId is {}; it must be HB_BPU_CORE_ANY, _0 or _1", core);
  return static_cast<uint32_t>(core == HB_BPU_CORE_ANY ? kAll : core);
}

void check_priority(int32_t priority) {
  if (priority < HB_DNN_PRIORITY_LOWEST || priority > HB_DNN_PRIORITY_HIGHEST)
    refuse(HB_DNN_INVALID_ARGUMENT, "priority is {}; it must be 0 to 255", priority);
}

struct Request {
  hbDNNTensor** output;
  const hbDNNTensor* input;
  hbDNNRoi* rois;  // null: hbDNNInfer
  int32_t roi_count;
};

// What a request holds, checked.
struct Amounts {
  int64_t samples;  // of hbDNNRoiInfer, or 0
  size_t inputs;
};

Amounts check_whole(const LoadedModel& model, const Request& request) {
  if (model.resizers() > 0)
    refuse(HB_DNN_INVALID_ARGUMENT, "model '{}' has inputs of source resizer: use hbDNNRoiInfer",
           model.name());
  const hbDNNTensor* tensor = request.input;
  for (const auto& port : model.inputs()) {
    int64_t given = 0;
    do given += port->check(*tensor++);
    while (given < port->batch());
    if (given != port->batch())
      refuse(HB_DNN_INVALID_ARGUMENT, "input '{}': {} samples were given, the batch is {}", port->name(),
             given, port->batch());
  }
  for (size_t i = 0; i < model.outputs().size(); ++i) model.outputs()[i]->check((*request.output)[i], 1);
  return {0, static_cast<size_t>(tensor - request.input)};
}

Amounts check_regions(const LoadedModel& model, const Request& request) {
  const size_t resizers = model.resizers(), count = model.inputs().size();
  if (resizers == 0)
    refuse(HB_DNN_INVALID_ARGUMENT,
           "model '{}' has no input of source resizer: use hbDNNInfer, or compile it with "
           "input_source: {{'<input>': 'resizer'}}",
           model.name());
  if (request.roi_count < 1 || static_cast<size_t>(request.roi_count) % resizers != 0)
    refuse(HB_DNN_INVALID_ARGUMENT,
           "roiCount is {}; model '{}' has {} resizer inputs, it must be a multiple of that",
           request.roi_count, model.name(), resizers);
  const auto samples = static_cast<size_t>(request.roi_count) / resizers;
  if (static_cast<size_t>(request.roi_count) > kMaxTaskSize)
    refuse(HB_DNN_TASK_BATCH_SIZE_EXCEED_LIMIT, "{} regions in one task; 1 to {} are possible",
           request.roi_count, kMaxTaskSize);
  for (size_t s = 0; s < samples; ++s) {
    size_t resizer = 0;
    for (size_t i = 0; i < count; ++i) {
      const InputPort& port = *model.inputs()[i];
      const hbDNNTensor& tensor = request.input[s * count + i];
      if (port.source() == HB_DNN_INPUT_FROM_RESIZER) {
        port.check_region(tensor, request.rois[s * resizers + resizer++]);
      } else if (const int64_t given = port.check(tensor), wanted = model.batch() == 1 ? port.batch() : 1;
                 given != wanted || (model.batch() != 1 && port.batch() != model.batch())) {
        refuse(HB_DNN_INVALID_ARGUMENT, "input '{}': {} samples in the tensor of one region, it must be {}",
               port.name(), given, wanted);
      }
    }
  }
  const int64_t passes = (static_cast<int64_t>(samples) + model.batch() - 1) / model.batch();
  for (size_t i = 0; i < model.outputs().size(); ++i) model.outputs()[i]->check((*request.output)[i], passes);
  return {static_cast<int64_t>(samples), samples * count};
}

// Appends one run to a task that is being built. What a failure leaves is removed.
void append(Task& task, ModelRef model, const Request& request) {
  const LoadedModel& m = *model->model;
  const Amounts amounts = request.rois ? check_regions(m, request) : check_whole(m, request);
  const size_t more = request.rois ? static_cast<size_t>(amounts.samples) : 1;
  if (task.size() + more > kMaxTaskSize)
    refuse(HB_DNN_TASK_BATCH_SIZE_EXCEED_LIMIT,
           "the task has {} models and regions, {} more are too many; the limit is {}", task.size(), more,
           kMaxTaskSize);
  const size_t inputs = task.inputs.size(), outputs = task.outputs.size(), rois = task.rois.size();
  try {
    task.inputs.insert(task.inputs.end(), request.input, request.input + amounts.inputs);
    task.outputs.insert(task.outputs.end(), *request.output, *request.output + m.outputs().size());
    if (request.rois) task.rois.insert(task.rois.end(), request.rois, request.rois + request.roi_count);
    task.runs.push_back({std::move(model), inputs, outputs, rois, amounts.samples});
  } catch (...) {
    task.inputs.resize(inputs);
    task.outputs.resize(outputs);
    task.rois.resize(rois);
    throw;
  }
}

int32_t submit(hbDNNTaskHandle_t* handle, const Request& request, hbDNNHandle_t model_handle,
               const hbDNNInferCtrlParam* param) {
  require_pointer(handle, "taskHandle");
  require_pointer(request.output, "output");
  require_pointer(request.input, "input");
  require_pointer(param, "inferCtrlParam");
  ModelRef model = find_model(model_handle);
  if (!model->model->outputs().empty()) require_pointer(*request.output, "*output");
  const uint32_t cores = core_bits(param->bpuCoreId);
  check_priority(param->priority);
  Scheduler& scheduler = Scheduler::get();

  const bool first = !*handle;
  TaskRef task = first ? new_task(0, "inference") : find_task(*handle);
  if (!first && task->state.load(std::memory_order_acquire) != TaskState::building)
    refuse(HB_DNN_API_USE_ERROR,
           "the task takes no further models: its last call had more = 0. Set *taskHandle to null for a new "
           "task");
  append(*task, std::move(model), request);
  if (first) {
    task->priority.store(param->priority, std::memory_order_relaxed);
    task->custom_id.store(param->customId, std::memory_order_relaxed);
    task->cores.store(cores, std::memory_order_relaxed);
    *handle = tasks().open(task);
    Task& opened = *task.release();  // until hbDNNReleaseTask
    if (!param->more) scheduler.publish(opened);
  } else if (!param->more && !scheduler.publish(*task)) {
    refuse(HB_DNN_INVALID_TASK_HANDLE, "the task was released while this call added a model to it");
  }
  return HB_DNN_SUCCESS;
}

}  // namespace
}  // namespace openhb::dnn

using namespace openhb::dnn;

extern "C" {

int32_t hbDNNInfer(hbDNNTaskHandle_t* taskHandle, hbDNNTensor** output, const hbDNNTensor* input,
                   hbDNNHandle_t dnnHandle, hbDNNInferCtrlParam* inferCtrlParam) {
  return guarded("Task",
                 [&] { return submit(taskHandle, {output, input, nullptr, 0}, dnnHandle, inferCtrlParam); });
}

int32_t hbDNNRoiInfer(hbDNNTaskHandle_t* taskHandle, hbDNNTensor** output, const hbDNNTensor* input,
                      hbDNNRoi* rois, int32_t roiCount, hbDNNHandle_t dnnHandle,
                      hbDNNInferCtrlParam* inferCtrlParam) {
  return guarded("Task", [&] {
    require_pointer(rois, "rois");
    return submit(taskHandle, {output, input, rois, roiCount}, dnnHandle, inferCtrlParam);
  });
}

int32_t hbDNNResize(hbDNNTaskHandle_t* taskHandle, hbDNNTensor* output, const hbDNNTensor* input,
                    const hbDNNRoi* roi, hbDNNResizeCtrlParam* resizeCtrlParam) {
  return guarded("Task", [&] {
    require_pointer(taskHandle, "taskHandle");
    require_pointer(output, "output");
    require_pointer(input, "input");
    require_pointer(resizeCtrlParam, "resizeCtrlParam");
    if (*taskHandle)
      refuse(HB_DNN_API_USE_ERROR, "*taskHandle is not null: resize tasks hold one picture each");
    if (resizeCtrlParam->resizeType != HB_DNN_RESIZE_TYPE_BILINEAR)
      refuse(HB_DNN_INVALID_ARGUMENT, "resizeType is {}; there is only HB_DNN_RESIZE_TYPE_BILINEAR",
             static_cast<int>(resizeCtrlParam->resizeType));
    const uint32_t cores = core_bits(resizeCtrlParam->bpuCoreId);
    check_priority(resizeCtrlParam->priority);
    Scheduler& scheduler = Scheduler::get();
    TaskRef task = new_task(kMaxTasks, "resize");
    if (const int32_t status = prepare_resize(*output, *input, roi, task->resize); status != HB_DNN_SUCCESS)
      return status;
    task->is_resize = true;
    task->priority.store(resizeCtrlParam->priority, std::memory_order_relaxed);
    task->custom_id.store(0, std::memory_order_relaxed);
    task->cores.store(cores, std::memory_order_relaxed);
    *taskHandle = tasks().open(task);
    scheduler.publish(*task.release());
    return static_cast<int32_t>(HB_DNN_SUCCESS);
  });
}

int32_t hbDNNWaitTaskDone(hbDNNTaskHandle_t taskHandle, int32_t timeout) {
  return guarded("Task", [&] {
    const TaskRef task = find_task(taskHandle);
    if (task->state.load(std::memory_order_acquire) == TaskState::building)
      refuse(HB_DNN_API_USE_ERROR,
             "the task has not started: it waits for further models, since its last call had more = 1");
    if (wait_done(task, timeout > 0 ? int64_t{timeout} * 1'000'000 : -1)) return task->status;
    if (!tasks().is_open(task))
      refuse(HB_DNN_INVALID_TASK_HANDLE, "the task was released while this call waited for it");
    return remember(
        HB_DNN_TIMEOUT,
        fmt::format("the task was not done within {} ms; it goes on: wait again or release it", timeout));
  });
}

int32_t hbDNNReleaseTask(hbDNNTaskHandle_t taskHandle) {
  return guarded("Task", [&] {
    TaskRef task = find_task(taskHandle);
    if (!tasks().close(task)) refuse(HB_DNN_INVALID_TASK_HANDLE, "the task was released already");
    end_task(std::move(task));
    return HB_DNN_SUCCESS;
  });
}

int32_t hbDNNSetTaskDoneCb(hbDNNTaskHandle_t taskHandle, hbDNNTaskDoneCb cb, void* userdata) {
  return guarded("Task", [&] {
    require_pointer(reinterpret_cast<const void*>(cb), "cb");
    TaskRef task = find_task(taskHandle);
    if (task->setting.exchange(true)) refuse(HB_DNN_API_USE_ERROR, "the task has a callback already");
    task->done = cb;
    task->userdata = userdata;
    Task::Callback none = Task::Callback::none;
    if (task->callback.compare_exchange_strong(none, Task::Callback::set, std::memory_order_acq_rel))
      return HB_DNN_SUCCESS;
    // It has just ended: its core will not call.
    if (!wait_done(task, -1)) refuse(HB_DNN_INVALID_TASK_HANDLE, "the task was released during this call");
    task->in_callback.store(true);
    call_back(*task);
    return HB_DNN_SUCCESS;
  });
}

}  // extern "C"
