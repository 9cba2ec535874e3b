// SPDX-License-Identifier: Apache-2.0
// One SSH session of libssh that never blocks: whoever waits for it calls pump() again and again.
#pragma once

#include <libssh/libssh.h>

#include <cstdint>
#include <memory>
#include <string>

#include "common/io/interrupt.h"
#include "host/verify/ssh/clock.h"
#include "host/verify/ssh/ssh.h"

namespace openhb::verify {

struct FreeKey {
  void operator()(ssh_key key) const { ::ssh_key_free(key); }
};
using Key = std::unique_ptr<ssh_key_struct, FreeKey>;

// Why a connection ended that the other side closed without a word.
inline constexpr char kClosed[] = "the other side closed it";

class Session {
 public:
  // Takes the socket. `host_keys`: types of host keys, best first, as SSH_OPTIONS_HOSTKEYS wants them.
  Session(int socket, std::string name, const std::string& user, const std::string& host_keys);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  ssh_session get() const { return session_; }
  const std::string& name() const { return name_; }

  // Banner and key exchange. Throws Error(board_unreachable); Interrupted.
  void handshake(double timeout);

  // Handles what comes within `milliseconds`. False: the connection is gone, see why().
  bool pump(int milliseconds);
  // Repeats a call of libssh until it no longer returns `again`; false when the time is up or the session
  // gone. Throws Interrupted.
  template <class Call>
  bool finish(const Deadline& deadline, int again, int& result, Call call);

  // Output waits for the socket: more of it would only be copied.
  bool congested() const { return (::ssh_get_status(session_) & SSH_WRITE_PENDING) != 0; }
  // Payload has moved; between two of these a server may send only so much.
  void moved();
  // When anything came last: packets without payload are signs of life, too.
  double heard() const { return heard_; }
  // Asks for an answer, unless one is due already.
  void keep_alive();

  bool alive() const { return alive_; }
  // Gives up: nothing is sent or received from here on.
  void kill(const std::string& why);
  const std::string& why() const { return why_; }
  // Throws Error(board_lost).
  [[noreturn]] void lost(const std::string& during) const;

 private:
  std::string name_;
  ssh_session session_;
  ssh_event event_;
  ssh_counter_struct traffic_{};
  uint64_t seen_ = 0, quiet_from_ = 0;  // of traffic_.in_bytes
  double heard_ = now_seconds();
  bool alive_ = true;
  std::string why_;
};

template <class Call>
bool Session::finish(const Deadline& deadline, int again, int& result, Call call) {
  while ((result = call()) == again) {
    check_interrupt();
    if (deadline.passed() || !pump(deadline.slice(kSliceMs))) return false;
  }
  return true;
}

}  // namespace openhb::verify
