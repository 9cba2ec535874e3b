// SPDX-License-Identifier: Apache-2.0
#include "host/verify/ssh/channel.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "common/error.h"
#include "host/verify/remote_text.h"

namespace openhb::verify {
namespace {

constexpr size_t kErrorTail = 64 << 10;
// Handed to libssh at once: it copies all of it.
constexpr size_t kPiece = 256 << 10;

Channel& self(void* user) { return *static_cast<Channel*>(user); }

int on_data(ssh_session, ssh_channel, void* data, uint32_t size, int is_err, void* user) {
  self(user).receive({static_cast<const char*>(data), size}, is_err != 0);
  return static_cast<int>(size);
}

void on_end(ssh_session, ssh_channel, void* user) { self(user).ended_output = true; }

void on_close(ssh_session, ssh_channel, void* user) {
  Channel& channel = self(user);
  channel.closed = true;
  if (channel.err.size() > kErrorTail) channel.err.erase(0, channel.err.size() - kErrorTail);
}

void on_status(ssh_session, ssh_channel, int status, void* user) { self(user).status = status; }

void on_signal(ssh_session, ssh_channel, const char* name, int, const char*, const char*, void* user) {
  // Names that SSH does not know come as "BUS@openssh.com" or "SIG@openssh.com".
  const std::string_view text(name ? name : "");
  self(user).signal = text.empty() ? "?" : remote_text(text.substr(0, text.find('@')), 16);
}

int drop_data(ssh_session, ssh_channel, void*, uint32_t size, int, void*) { return static_cast<int>(size); }

// For channels that nobody owns any more until the other side has closed them, too.
ssh_channel_callbacks_struct dropping() {
  ssh_channel_callbacks_struct callbacks{};
  callbacks.channel_data_function = drop_data;
  ssh_callbacks_init(&callbacks);
  return callbacks;
}
ssh_channel_callbacks_struct drop = dropping();

}  // namespace

Channel::Channel(Session& session) : session_(session), channel_(::ssh_channel_new(session.get())) {
  if (!channel_)
    fail(ErrorCode::board_lost, "no channel to {} can be made: {}", session.name(),
         remote_text(::ssh_get_error(session.get())));
  callbacks_.userdata = this;
  callbacks_.channel_data_function = on_data;
  callbacks_.channel_eof_function = on_end;
  callbacks_.channel_close_function = on_close;
  callbacks_.channel_exit_status_function = on_status;
  callbacks_.channel_exit_signal_function = on_signal;
  ssh_callbacks_init(&callbacks_);
  ::ssh_set_channel_callbacks(channel_, &callbacks_);
}

Channel::~Channel() {
  ::ssh_remove_channel_callbacks(channel_, &callbacks_);
  ::ssh_add_channel_callbacks(channel_, &drop);
  // Separately, also when the other side has closed: freeing closes only when the end could be sent at once.
  if (session_.alive()) (void)::ssh_channel_send_eof(channel_);
  ::ssh_channel_free(channel_);
}

void Channel::receive(std::string_view bytes, bool is_err) {
  received += bytes.size();
  if (!bytes.empty()) session_.moved();
  if (!keep) return;
  if (!is_err) {
    out += bytes;
    return;
  }
  err += bytes;
  if (err.size() > 2 * kErrorTail) err.erase(0, err.size() - kErrorTail);
}

void Channel::start(const std::string& command, double timeout) {
  const Deadline deadline(timeout);
  const auto step = [&](const char* what, auto call) {
    int result = SSH_ERROR;
    const bool done = session_.finish(deadline, SSH_AGAIN, result, call);
    if (result == SSH_ERROR) session_.pump(0);  // notices when it is the connection that failed
    if (!session_.alive()) session_.lost("starting a command");
    if (!done) {
      session_.kill("it did not answer");
      fail(ErrorCode::board_timeout, "{} did not start a command within {:g} seconds", session_.name(),
           timeout);
    }
    if (result != SSH_OK)
      fail(ErrorCode::board_command, "{} {}: {}", session_.name(), what,
           remote_text(::ssh_get_error(session_.get())));
  };
  step("opens no channel for a command", [this] { return ::ssh_channel_open_session(channel_); });
  step("runs no commands for this user",
       [&] { return ::ssh_channel_request_exec(channel_, command.c_str()); });
  session_.moved();
}

size_t Channel::send(const void* data, size_t size) {
  const size_t piece = std::min({size, kPiece, static_cast<size_t>(window())});
  if (piece == 0 || closed || !session_.alive() || session_.congested()) return 0;
  const int sent = ::ssh_channel_write(channel_, data, static_cast<uint32_t>(piece));
  return sent > 0 ? static_cast<size_t>(sent) : 0;
}

bool Channel::beat() {
  return !closed && session_.alive() && window() > 0 && ::ssh_channel_write(channel_, "\n", 1) == 1;
}

void Channel::send_end() {
  if (!closed && session_.alive()) (void)::ssh_channel_send_eof(channel_);
}

void Channel::terminate() {
  if (!closed && session_.alive()) (void)::ssh_channel_request_send_signal(channel_, "TERM");
  send_end();
}

}  // namespace openhb::verify
