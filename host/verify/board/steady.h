// SPDX-License-Identifier: Apache-2.0
// A connection whose heartbeats go on while nobody uses it.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "host/verify/connection.h"

namespace openhb::verify {

// Connections send heartbeats only during calls; between two calls the host may compute for minutes. From
// hold() on, a thread runs an empty command whenever `interval` has passed without a call.
class SteadyConnection final : public Connection {
 public:
  explicit SteadyConnection(std::unique_ptr<Connection> inner) : inner_(std::move(inner)) {}
  ~SteadyConnection() override;

  CommandResult run(const std::string& command, const CommandOptions& options = {}) override;
  std::string hold(const std::string& command, double interval) override;
  std::string name() const override { return inner_->name(); }
  uint64_t bytes_sent() const override;
  uint64_t bytes_received() const override;

 private:
  void beat(double interval);

  std::unique_ptr<Connection> inner_;
  mutable std::mutex mutex_;  // of inner_
  std::condition_variable changed_;
  uint64_t calls_ = 0;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace openhb::verify
