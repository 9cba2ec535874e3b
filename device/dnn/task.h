// SPDX-License-Identifier: Apache-2.0
// Work that was submitted: runs of models, or the resizing of a picture.
//
// A task is `building` while it gets further models, `queued` until a core takes it, `running`, and `done`
// until it is released. Its place in the table keeps what it has allocated, so that the next task there needs
// nothing.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "device/dnn/library.h"
#include "device/dnn/resize.h"
#include "device/dnn/wait_word.h"
#include "dnn/hb_dnn.h"

namespace openhb::dnn {

enum class TaskState : uint32_t { building, queued, running, done, released };

// One model in a task. Positions are those of Task::inputs, outputs and rois.
struct ModelRun {
  ModelRef model;
  size_t first_input = 0, first_output = 0, first_roi = 0;
  int64_t samples = 0;  // of hbDNNRoiInfer; 0: hbDNNInfer
};

class Core;

struct Task {
  std::atomic<TaskState> state{TaskState::building};
  WaitWord changed;  // with every state
  std::atomic<bool> cancelled{false};

  // What cores choose by. Others read it while the place may already hold another task.
  std::atomic<int32_t> priority{0};
  std::atomic<uint32_t> cores{0};  // bits of hbBPUCore
  std::atomic<int64_t> custom_id{0};
  std::atomic<uint64_t> sequence{0};

  // Before `queued`: the submitter's. While `running`: the core's. `done`: read only.
  std::vector<ModelRun> runs;
  std::vector<hbDNNTensor> inputs, outputs;
  std::vector<hbDNNRoi> rois;
  ResizeJob resize{};
  bool is_resize = false;
  int32_t status = 0;
  uint64_t submitted_ns = 0, started_ns = 0, ended_ns = 0, interrupted_ns = 0;
  int32_t interruptions = 0, ran_on = 0;  // hbBPUCore
  std::atomic<Core*> core{nullptr};       // that runs it
  bool abandoned = false;                 // released by its own core's thread; the core lets go of it

  // The callback: not set, set, or too late to be set: the task has ended.
  enum class Callback : uint32_t { none, set, ended };
  std::atomic<Callback> callback{Callback::none};
  std::atomic<bool> setting{false};  // taken by the one call that may set it
  hbDNNTaskDoneCb done = nullptr;
  void* userdata = nullptr;
  std::atomic<bool> in_callback{false};

  void clear() noexcept;
  // The number of models and regions that count against the limit.
  size_t size() const noexcept;
  uint64_t expected_ns() const noexcept;
};

// The first kMaxTasks places are for inference, the others for hbDNNResize.
inline constexpr size_t kMaxTasks = 32, kMaxTaskSize = 255;
using TaskTable = HandleTable<Task, 2 * kMaxTasks, 0x55>;
using TaskRef = TaskTable::Ref;

TaskTable& tasks() noexcept;

}  // namespace openhb::dnn
