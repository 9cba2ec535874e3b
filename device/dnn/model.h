// SPDX-License-Identifier: Apache-2.0
// A loaded model: its program (shared by all who load the same file), its ports, and the arenas that its runs
// use.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "device/dnn/ports.h"
#include "device/engine/model.h"

namespace openhb::dnn {

class LoadedModel {
 public:
  explicit LoadedModel(std::shared_ptr<const engine::Model> model);

  const std::shared_ptr<const engine::Model>& engine_model() const { return model_; }
  const Program& program() const { return model_->program(); }
  const std::string& name() const { return program().name; }
  const std::vector<std::unique_ptr<InputPort>>& inputs() const { return inputs_; }
  const std::vector<std::unique_ptr<OutputPort>>& outputs() const { return outputs_; }
  int64_t batch() const { return batch_; }
  // Inputs of source resizer.
  size_t resizers() const { return resizers_; }
  // May something urgent run after `step`? (max_time_per_fc)
  bool may_interrupt_anywhere() const { return interrupt_after_.empty(); }
  bool may_interrupt_after(size_t step) const { return interrupt_after_[step]; }

  // A session that nobody else uses until it is given back. Makes one when all are in use: then it may throw.
  engine::Session& take_session();
  void give_back(engine::Session& session) noexcept;
  // Makes the first session, if there is none.
  void prepare();
  int sessions() const noexcept { return made_.load(std::memory_order_relaxed); }

  // Nanoseconds of the last complete run, 0 before; tells waiters how long to stay awake.
  std::atomic<uint64_t> last_run_ns{0};

 private:
  // As many as can run at a time: on each core one and one that interrupts it, and some to spare.
  static constexpr size_t kMaxSessions = 16;

  std::shared_ptr<const engine::Model> model_;
  std::vector<std::unique_ptr<InputPort>> inputs_;
  std::vector<std::unique_ptr<OutputPort>> outputs_;
  int64_t batch_ = 1;
  size_t resizers_ = 0;
  std::vector<bool> interrupt_after_;  // empty: everywhere
  std::mutex making_;
  std::array<std::unique_ptr<engine::Session>, kMaxSessions> sessions_;
  std::atomic<uint32_t> idle_{0};  // bit i: sessions_[i] exists and is free
  std::atomic<int> made_{0};
};

}  // namespace openhb::dnn
