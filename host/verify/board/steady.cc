// SPDX-License-Identifier: Apache-2.0
#include "host/verify/board/steady.h"

#include <chrono>
#include <exception>

namespace openhb::verify {

SteadyConnection::~SteadyConnection() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

CommandResult SteadyConnection::run(const std::string& command, const CommandOptions& options) {
  const std::lock_guard lock(mutex_);
  ++calls_;
  return inner_->run(command, options);
}

std::string SteadyConnection::hold(const std::string& command, double interval) {
  const std::lock_guard lock(mutex_);
  std::string line = inner_->hold(command, interval);
  if (!thread_.joinable()) thread_ = std::thread([this, interval] { beat(interval); });
  return line;
}

uint64_t SteadyConnection::bytes_sent() const {
  const std::lock_guard lock(mutex_);
  return inner_->bytes_sent();
}

uint64_t SteadyConnection::bytes_received() const {
  const std::lock_guard lock(mutex_);
  return inner_->bytes_received();
}

void SteadyConnection::beat(double interval) {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    const uint64_t calls = calls_;
    changed_.wait_for(lock, std::chrono::duration<double>(interval), [this] { return stop_; });
    if (stop_ || calls != calls_) continue;
    try {
      inner_->run(":");
    } catch (const std::exception&) {
      // Either it passes, as on a board that was too busy for a moment, and then the lease must not end for
      // want of heartbeats; or the next call meets the same and tells it.
    }
  }
}

}  // namespace openhb::verify
