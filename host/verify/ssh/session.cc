// SPDX-License-Identifier: Apache-2.0
#include "host/verify/ssh/session.h"

#include <fcntl.h>
#include <libssh/server.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mutex>

#include "common/error.h"
#include "host/verify/remote_text.h"

namespace openhb::verify {
namespace {

// Of packets without payload, in a row: more is no SSH server that means well.
constexpr uint64_t kMostNoise = 64 << 20;

ssh_session new_session() {
  static std::once_flag once;
  std::call_once(once, [] { ::ssh_init(); });  // by itself only in the shared library
  return ::ssh_new();
}

}  // namespace

Session::Session(int socket, std::string name, const std::string& user, const std::string& host_keys)
    : name_(std::move(name)), session_(new_session()), event_(::ssh_event_new()) {
  const bool config = false;
  const auto set = [&](ssh_options_e option, const void* value) {
    return ::ssh_options_set(session_, option, value) == SSH_OK;
  };
  // Name and known hosts are checked by host_key.cc; libssh gets a name because it wants one.
  const bool good = session_ && event_ && set(SSH_OPTIONS_PROCESS_CONFIG, &config) &&
                    set(SSH_OPTIONS_HOST, "board") && set(SSH_OPTIONS_KNOWNHOSTS, "/dev/null") &&
                    set(SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null") && set(SSH_OPTIONS_USER, user.c_str()) &&
                    set(SSH_OPTIONS_HOSTKEYS, host_keys.c_str()) && set(SSH_OPTIONS_FD, &socket);
  if (!good) {
    const std::string error = session_ ? ::ssh_get_error(session_) : "";
    if (event_) ::ssh_event_free(event_);
    ::ssh_free(session_);
    ::close(socket);
    fail(ErrorCode::internal, "libssh cannot make a session: {}", error);
  }
  ::ssh_set_blocking(session_, 0);
  ::ssh_set_counters(session_, &traffic_, nullptr);
  (void)::ssh_connect(session_);  // takes the socket
  if (::ssh_event_add_session(event_, session_) != SSH_OK) kill("libssh has no event loop");
}

Session::~Session() {
  // Not ssh_disconnect(): the end of the connection says the same, and the socket would stay open.
  ::ssh_event_remove_session(event_, session_);
  ::ssh_event_free(event_);
  ::ssh_free(session_);
}

void Session::handshake(double timeout) {
  const Deadline deadline(timeout);
  int result = SSH_ERROR;
  const bool done = finish(deadline, SSH_AGAIN, result, [this] {
    const int state = ::ssh_connect(session_);
    // libssh makes the socket blocking when it is connected; a full send buffer would then stop everything.
    const int socket = ::ssh_get_fd(session_);
    if (socket >= 0) (void)::fcntl(socket, F_SETFL, O_NONBLOCK);
    return state;
  });
  if (done && result == SSH_OK) return;
  if (!done && alive_)
    fail(ErrorCode::board_unreachable,
         "{} accepts the connection, but says nothing like SSH for {:g} seconds", name_, timeout);
  fail(ErrorCode::board_unreachable, "{} answers, but no SSH connection comes about: {}", name_,
       alive_ ? remote_text(::ssh_get_error(session_)) : why_);
}

bool Session::pump(int milliseconds) {
  if (!alive_) return false;
  const int result = ::ssh_event_dopoll(event_, milliseconds);
  if (traffic_.in_bytes != seen_) {
    // Servers hold back small packets until the last one is acknowledged: 40 ms unless that is done at once.
    const int on = 1;
    if (traffic_.in_bytes - seen_ < 1024)
      (void)::setsockopt(::ssh_get_fd(session_), IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
    seen_ = traffic_.in_bytes;
    heard_ = now_seconds();
    if (seen_ - quiet_from_ > kMostNoise) kill("it sends endless packets without content");
  }
  if (result == SSH_ERROR || (::ssh_get_status(session_) & (SSH_CLOSED | SSH_CLOSED_ERROR)) != 0) {
    const std::string error = remote_text(::ssh_get_error(session_));
    kill(error.empty() || error == "Socket error: disconnected" ? kClosed : error);
  }
  return alive_;
}

void Session::moved() { quiet_from_ = traffic_.in_bytes; }

void Session::keep_alive() {
  // libssh keeps one request at a time; the first call takes the answer to the one before.
  for (int call = 0; call < 2 && alive_; call++) (void)::ssh_send_keepalive(session_);
}

void Session::kill(const std::string& why) {
  if (!alive_) return;
  alive_ = false;
  why_ = why;
  // The other side shall notice, too, and not only when this object ends.
  (void)::shutdown(::ssh_get_fd(session_), SHUT_RDWR);
}

void Session::lost(const std::string& during) const {
  fail(ErrorCode::board_lost, "the connection to {} broke off while {}: {}", name_, during, why_);
}

}  // namespace openhb::verify
