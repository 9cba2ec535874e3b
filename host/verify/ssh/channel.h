// SPDX-License-Identifier: Apache-2.0
// One command of a session: what came from it so far. Callbacks only record; whoever pumps the session acts.
#pragma once

#include <libssh/callbacks.h>

#include <optional>
#include <string>
#include <string_view>

#include "host/verify/ssh/session.h"

namespace openhb::verify {

class Channel {
 public:
  explicit Channel(Session& session);
  // Closes the command's standard streams; what still comes is dropped.
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  // Opens the channel and starts the command. Throws Error: board_lost; board_timeout (the session is of no
  // use any more); board_command (refused); Interrupted.
  void start(const std::string& command, double timeout);

  // Bytes of input taken, at most a few packets; 0 while the other side takes none.
  size_t send(const void* data, size_t size);
  // One byte, whatever else waits to be sent. False: the other side takes none.
  bool beat();
  void send_end();
  // Asks the command to end.
  void terminate();
  // For libssh's callback.
  void receive(std::string_view bytes, bool is_err);

  std::string out;   // to be taken out and cleared by the owner
  std::string err;   // the last 64 KiB
  bool keep = true;  // what comes from now on; else it is counted only
  bool closed = false;
  bool ended_output = false;
  std::optional<int> status;
  std::string signal;
  uint64_t received = 0;  // bytes of both streams
  uint32_t window() const { return ::ssh_channel_window_size(channel_); }

 private:
  Session& session_;
  ssh_channel channel_;
  ssh_channel_callbacks_struct callbacks_{};
};

}  // namespace openhb::verify
