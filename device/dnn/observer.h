// SPDX-License-Identifier: Apache-2.0
// What tools and environment variables (profiles, dumps) see of runs.
#pragma once

#include <cstdint>
#include <memory>

#include "device/engine/model.h"
#include "dnn/hb_dnn.h"

namespace openhb::dnn {

// Nanoseconds of one run of a model within a task.
struct RunTimes {
  uint64_t pending = 0;  // of the task, before its first run started
  uint64_t prepare = 0;  // inputs into the arena
  uint64_t run = 0;      // steps
  uint64_t deliver = 0;  // outputs out of the arena
  int core = 0;          // hbBPUCore
};

// Called on the thread that runs the model; runs of one model may go on at the same time in several sessions.
class Observer {
 public:
  virtual ~Observer() = default;
  // Before the steps run: inputs are in place. May call session.set_hook() and session.enable_profile().
  virtual void before(const engine::Model& model, engine::Session& session) = 0;
  // After the steps, or after they were cancelled (`status`).
  virtual void after(const engine::Model& model, engine::Session& session, const RunTimes& times,
                     int32_t status) = 0;
};

// Of all runs that start after the call; null: nobody. Waits until no run uses the observer before it. Not to
// be called from an observer.
void set_observer(std::shared_ptr<Observer> observer);

// The program behind a handle; null for an invalid one.
std::shared_ptr<const engine::Model> engine_model(hbDNNHandle_t handle) noexcept;

}  // namespace openhb::dnn
