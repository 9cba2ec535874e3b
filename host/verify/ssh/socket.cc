// SPDX-License-Identifier: Apache-2.0
#include "host/verify/ssh/socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>
#include <thread>

#include "common/error.h"
#include "common/io/interrupt.h"
#include "host/verify/ssh/clock.h"

namespace openhb::verify {
namespace {

using Addresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

struct Lookup {
  std::string host, port;
  int status = 0;
  Addresses addresses{nullptr, ::freeaddrinfo};
  std::atomic<bool> done = false;

  void run() {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    status = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found);
    if (status == 0) addresses.reset(found);
    done = true;
  }
};

// getaddrinfo() asks name servers for as long as it likes: it gets a thread that can be left behind.
Addresses look_up(const Address& address, const Deadline& deadline) {
  const auto lookup = std::make_shared<Lookup>();
  lookup->host = address.host;
  lookup->port = std::to_string(address.port);
  std::thread([lookup] { lookup->run(); }).detach();
  while (!lookup->done) {
    check_interrupt();
    if (deadline.passed())
      fail(ErrorCode::board_unreachable, "the name '{}' was not resolved within {:g} seconds", address.host,
           deadline.seconds());
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  if (lookup->status != 0)
    fail(ErrorCode::board_unreachable, "the name '{}' of the board cannot be resolved: {}", address.host,
         ::gai_strerror(lookup->status));
  return std::move(lookup->addresses);
}

void set(int socket, int level, int option, int value) {
  // A system that does not know one of these options works without it.
  (void)::setsockopt(socket, level, option, &value, sizeof value);
}

void prepare(int socket, double timeout) {
  const int seconds = std::max(1, static_cast<int>(timeout));
  set(socket, IPPROTO_TCP, TCP_NODELAY, 1);
  // A cut link is found by the kernel, before the limit of whatever waits for an answer has passed.
  set(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, std::max(500, static_cast<int>(timeout * 750)));
  set(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(socket, IPPROTO_TCP, TCP_KEEPIDLE, std::max(1, seconds / 4));
  set(socket, IPPROTO_TCP, TCP_KEEPINTVL, std::max(1, seconds / 6));
  set(socket, IPPROTO_TCP, TCP_KEEPCNT, 3);
  // What waits here for a slow link could not be overtaken by a signal, and would count as sent.
  set(socket, IPPROTO_TCP, TCP_NOTSENT_LOWAT, 256 << 10);
}

// 0, or why not (errno).
int connect_within(int socket, const addrinfo& to, const Deadline& deadline) {
  if (::connect(socket, to.ai_addr, to.ai_addrlen) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  for (;;) {
    check_interrupt();
    pollfd wait{.fd = socket, .events = POLLOUT, .revents = 0};
    if (::poll(&wait, 1, deadline.slice(kSliceMs)) > 0) {
      int error = 0;
      socklen_t size = sizeof error;
      return ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
    }
    if (deadline.passed()) return ETIMEDOUT;
  }
}

std::string reason(int error, const Address& address, double timeout) {
  switch (error) {
    case ETIMEDOUT:
      return fmt::format("no answer within {:g} seconds; is the board on, is its address right?", timeout);
    case ECONNREFUSED:
      return fmt::format("nothing listens on port {} there; does the board run an SSH server?", address.port);
    case EINVAL:
      if (address.host.starts_with("fe80:") && address.host.find('%') == std::string::npos)
        return fmt::format("a link-local address needs the interface: {}%eth0", address.host);
      [[fallthrough]];
    default:
      return std::generic_category().message(error);
  }
}

struct Closing {
  int socket;
  ~Closing() {
    if (socket >= 0) ::close(socket);
  }
};

}  // namespace

int connect_socket(const Address& address, double timeout) {
  const Deadline deadline(timeout);
  const Addresses addresses = look_up(address, deadline);
  int left = 0, error = EADDRNOTAVAIL;
  for (const addrinfo* to = addresses.get(); to; to = to->ai_next) left++;
  for (const addrinfo* to = addresses.get(); to; to = to->ai_next, left--) {
    Closing socket{::socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (socket.socket < 0) {
      error = errno;
      continue;
    }
    prepare(socket.socket, timeout);
    error = connect_within(socket.socket, *to, Deadline(deadline.left() / left));
    if (error == 0) return std::exchange(socket.socket, -1);
  }
  fail(ErrorCode::board_unreachable, "cannot connect to {}: {}", address.text(),
       reason(error, address, timeout));
}

}  // namespace openhb::verify
