// SPDX-License-Identifier: Apache-2.0
// The user's SSH agent. libssh waits for it for ever: here a thread watches.
#pragma once

#include <libssh/libssh.h>

#include <atomic>
#include <thread>

namespace openhb::verify {

class AgentWatch {
 public:
  // Gives the session a connection to the agent of SSH_AUTH_SOCK. Its connection is cut when it needs longer
  // than `timeout` for an answer, or after Ctrl-C.
  AgentWatch(ssh_session session, double timeout);
  ~AgentWatch();
  AgentWatch(const AgentWatch&) = delete;
  AgentWatch& operator=(const AgentWatch&) = delete;

  bool there() const { return socket_ >= 0; }
  void restart();
  bool expired() const { return expired_; }

 private:
  int socket_ = -1;
  double timeout_;
  std::atomic<double> started_;
  std::atomic<bool> expired_ = false, stop_ = false;
  std::thread thread_;
};

}  // namespace openhb::verify
