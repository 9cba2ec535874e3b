// SPDX-License-Identifier: Apache-2.0
#include "device/dnn/task.h"

#include "device/dnn/immortal.h"

namespace openhb::dnn {

TaskTable& tasks() noexcept {
  static Immortal<TaskTable> table;
  return table.get();
}

void Task::clear() noexcept {
  runs.clear();
  inputs.clear();
  outputs.clear();
  rois.clear();
  cancelled.store(false, std::memory_order_relaxed);
  is_resize = false;
  status = 0;
  submitted_ns = started_ns = ended_ns = interrupted_ns = 0;
  interruptions = ran_on = 0;
  core.store(nullptr, std::memory_order_relaxed);
  abandoned = false;
  callback.store(Callback::none, std::memory_order_relaxed);
  setting.store(false, std::memory_order_relaxed);
  done = nullptr;
  userdata = nullptr;
  in_callback.store(false, std::memory_order_relaxed);
  state.store(TaskState::building, std::memory_order_release);
}

size_t Task::size() const noexcept {
  size_t n = is_resize ? 1 : 0;
  for (const ModelRun& run : runs) n += run.samples == 0 ? 1 : static_cast<size_t>(run.samples);
  return n;
}

uint64_t Task::expected_ns() const noexcept {
  uint64_t ns = 0;
  for (const ModelRun& run : runs) ns += run.model->model->last_run_ns.load(std::memory_order_relaxed);
  return ns;
}

}  // namespace openhb::dnn
