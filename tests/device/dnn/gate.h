// SPDX-License-Identifier: Apache-2.0
// Holds the first run of a model in its core until the test lets it go, so that tests do not depend on how
// fast the machine is.
#pragma once

#include <atomic>
#include <memory>
#include <thread>

#include "device/dnn/observer.h"

namespace openhb::testing {

class Gate {
 public:
  Gate() { dnn::set_observer(keeper_); }
  ~Gate() {
    open();
    dnn::set_observer(nullptr);
  }
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  // Until a run stands before the gate.
  void wait_for_run() const {
    while (!keeper_->held) std::this_thread::yield();
  }
  void open() { keeper_->is_open = true; }

 private:
  struct Keeper : dnn::Observer {
    void before(const engine::Model&, engine::Session&) override {
      if (held.exchange(true)) return;
      while (!is_open) std::this_thread::yield();
    }
    void after(const engine::Model&, engine::Session&, const dnn::RunTimes&, int32_t) override {}
    std::atomic<bool> held{false}, is_open{false};
  };
  std::shared_ptr<Keeper> keeper_ = std::make_shared<Keeper>();
};

}  // namespace openhb::testing
