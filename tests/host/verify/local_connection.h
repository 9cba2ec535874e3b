// SPDX-License-Identifier: Apache-2.0
// A connection to this machine, or through another program (the ssh command), as tests need it: the same
// behaviour as SSH, and faults at will.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "host/verify/connection.h"

namespace openhb::testing {

struct LocalSetup {
  // The command line follows as the last word: {"dash", "-c"}, {"ssh", "board@10.0.0.2"}.
  std::vector<std::string> shell = {"sh", "-c"};
  std::map<std::string, std::string> environment;  // instead of this process'
  double timeout = 20;
  std::string folder = "/";  // where commands start
};

// What happens to the connections that share it; the test sets it before they run.
class LocalFaults {
 public:
  std::optional<uint64_t> cut_after;     // bytes of input: the connection is gone then
  std::optional<size_t> cut_at_command;  // with this command (0: the next one), once it has started
  bool silent = false;                   // a connection that is gone, but nobody told the other side

  // The commands that were run, of all connections; any thread may ask.
  std::vector<std::string> commands() const;
  void add_command(const std::string& command);

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> commands_;
};

class LocalConnection final : public verify::Connection {
 public:
  explicit LocalConnection(LocalSetup setup, std::shared_ptr<LocalFaults> faults = nullptr);
  ~LocalConnection() override;

  verify::CommandResult run(const std::string& command, const verify::CommandOptions& options = {}) override;
  std::string hold(const std::string& command, double interval) override;
  std::string name() const override { return "local"; }
  uint64_t bytes_sent() const override { return sent_; }
  uint64_t bytes_received() const override { return received_; }

 private:
  struct Child;
  struct Held;
  void start(Child& child, const std::string& command) const;
  [[noreturn]] void lose();

  LocalSetup setup_;
  std::shared_ptr<LocalFaults> faults_;
  std::unique_ptr<Held> held_;
  std::atomic<bool> lost_ = false;
  uint64_t sent_ = 0, received_ = 0;
};

}  // namespace openhb::testing
