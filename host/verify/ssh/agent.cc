// SPDX-License-Identifier: Apache-2.0
#include "host/verify/ssh/agent.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <utility>

#include "common/io/interrupt.h"
#include "host/verify/ssh/clock.h"

namespace openhb::verify {
namespace {

// -1: there is no agent.
int connect_agent() {
  const char* path = std::getenv("SSH_AUTH_SOCK");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (!path || !*path || std::strlen(path) >= sizeof address.sun_path) return -1;
  std::memcpy(address.sun_path, path, std::strlen(path));
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket < 0) return -1;
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return socket;
  ::close(socket);
  return -1;
}

}  // namespace

AgentWatch::AgentWatch(ssh_session session, double timeout)
    : socket_(connect_agent()), timeout_(timeout), started_(now_seconds()) {
  if (socket_ < 0) return;
  const int theirs = ::dup(socket_);  // libssh closes it with the session
  if (theirs < 0 || ::ssh_set_agent_socket(session, theirs) != SSH_OK) {
    if (theirs >= 0) ::close(theirs);
    ::close(std::exchange(socket_, -1));
    return;
  }
  thread_ = std::thread([this] {
    while (!stop_) {
      if (now_seconds() - started_ > timeout_ || interrupted()) {
        expired_ = true;
        (void)::shutdown(socket_, SHUT_RDWR);
        return;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  });
}

AgentWatch::~AgentWatch() {
  if (socket_ < 0) return;
  stop_ = true;
  thread_.join();
  ::close(socket_);
}

void AgentWatch::restart() { started_ = now_seconds(); }

}  // namespace openhb::verify
