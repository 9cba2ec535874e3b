// SPDX-License-Identifier: Apache-2.0
// What environment variables ask of every program that uses the library: profiles and dumps of its runs.
#pragma once

#include <memory>
#include <vector>

#include "device/dnn/observer.h"

namespace openhb::dnn {

// HB_DNN_PROFILER_LOG_PATH=folder: profiler.log and profiler.csv at the normal end of the process.
// HB_DNN_DUMP_PATH=folder: every tensor of every run; with HB_DNN_CONV_MAP_PATH=file only the results of
// convolutions and the outputs. Folders are made if missing. What cannot be done is told in the log, and the
// program runs without it.
//
// Reads the variables and installs their observer, once per process; called when models are loaded. Never
// throws.
void install_environment_observers();

// Calls several observers, in order.
class ObserverList final : public Observer {
 public:
  explicit ObserverList(std::vector<std::shared_ptr<Observer>> observers)
      : observers_(std::move(observers)) {}
  void before(const engine::Model& model, engine::Session& session) override;
  void after(const engine::Model& model, engine::Session& session, const RunTimes& times,
             int32_t status) override;

 private:
  std::vector<std::shared_ptr<Observer>> observers_;
};

// Observes besides what the environment asks for, while it lives. One at a time.
class ScopedObserver {
 public:
  explicit ScopedObserver(std::shared_ptr<Observer> observer);
  ~ScopedObserver();
  ScopedObserver(const ScopedObserver&) = delete;
  ScopedObserver& operator=(const ScopedObserver&) = delete;
};

}  // namespace openhb::dnn
