// SPDX-License-Identifier: Apache-2.0
// Commands on another machine: what the verifier needs of SSH, and what tests replace by a local shell.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace openhb::verify {

struct CommandOptions {
  // Sent to the command's standard input, which is closed behind it.
  std::span<const std::byte> input = {};
  // Called with bytes of the standard output as they come; null: they are kept in CommandResult::out. What
  // it throws stops the command as a time limit does and is thrown by run(): an answer without end is ended.
  std::function<void(std::span<const std::byte>)> sink = {};
  // Called with the number of bytes of `input` sent, and of output received, so far.
  std::function<void(uint64_t sent, uint64_t received)> progress = {};
  // Seconds that the whole command may take; 0: as long as it keeps the connection's time-out, which counts
  // only while nothing moves. A command that computes for long in silence needs a limit of its own.
  double limit = 0;
};

struct CommandResult {
  int status = -1;     // exit status; -1 when a signal ended the command
  std::string signal;  // "KILL", "SEGV"; "" when it ended by itself
  std::string out;     // without a sink; Error(board_command) beyond 64 MiB
  std::string err;     // the last 64 KiB of the standard error output
  bool ok() const { return status == 0 && signal.empty(); }
};

// Not for use by two threads at the same time; several connections in several threads are.
class Connection {
 public:
  virtual ~Connection() = default;

  // Runs a command line of the remote shell (POSIX sh) and waits for its end. Throws Error: board_timeout (a
  // limit has passed; the remote command was asked to stop), board_lost (the connection is gone; no call
  // after it can succeed), board_command (refused, too much output, or it ended and nobody tells how);
  // Interrupted after Ctrl-C (the remote command was asked to stop, too).
  virtual CommandResult run(const std::string& command, const CommandOptions& options = {}) = 0;

  // Starts a command that runs beside all others. While the connection lives it is given an empty line every
  // `interval` seconds, also between calls if they are not further apart than that; when the connection ends,
  // in whatever way, the end of its standard input. At most one per connection. Returns what it prints up to
  // its first line end.
  virtual std::string hold(const std::string& command, double interval) = 0;

  // "10.0.0.2", "[fe80::1]:2222": for messages.
  virtual std::string name() const = 0;
  // Payload only, of all commands so far.
  virtual uint64_t bytes_sent() const = 0;
  virtual uint64_t bytes_received() const = 0;
};

// A word of a command line of the shell, whatever it contains.
std::string shell_quoted(const std::string& word);

}  // namespace openhb::verify
