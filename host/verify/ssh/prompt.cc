// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <mutex>
#include <string_view>

#include "common/io/interrupt.h"
#include "host/verify/ssh/clock.h"
#include "host/verify/ssh/secret.h"
#include "host/verify/ssh/ssh.h"

namespace openhb::verify {
namespace {

constexpr size_t kLongest = 1024;

// The terminal of this process, whatever its standard streams are; without echo as long as this lives.
class Terminal {
 public:
  Terminal() : file_(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)) {
    quiet_ = file_ >= 0 && ::tcgetattr(file_, &before_) == 0;
    if (!quiet_) return;
    termios without = before_;
    without.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHOE | ECHOK | ECHONL);
    without.c_lflag |= ICANON | ISIG;
    quiet_ = ::tcsetattr(file_, TCSAFLUSH, &without) == 0;
  }
  ~Terminal() {
    if (quiet_) ::tcsetattr(file_, TCSAFLUSH, &before_);
    if (file_ >= 0) ::close(file_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  bool usable() const { return quiet_; }
  void write(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t written = ::write(file_, text.data(), text.size());
      if (written <= 0) return;
      text.remove_prefix(static_cast<size_t>(written));
    }
  }
  // 0: nothing yet; -1: the end.
  ssize_t read(char& c) const {
    pollfd wait{.fd = file_, .events = POLLIN, .revents = 0};
    if (::poll(&wait, 1, kSliceMs) <= 0) return 0;
    return ::read(file_, &c, 1) == 1 ? 1 : -1;
  }

 private:
  int file_;
  termios before_{};
  bool quiet_ = false;
};

}  // namespace

std::optional<std::string> ask_on_terminal(const std::string& prompt) {
  // One question at a time: of several boards each asks in a thread of its own. Two would share what is
  // typed, and the one that ends first would make the terminal show the rest of the other's password.
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  const Terminal terminal;
  if (!terminal.usable()) return std::nullopt;
  terminal.write(prompt);
  std::optional<std::string> line(std::in_place);
  line->reserve(kLongest);  // so that no copies of it are left behind
  try {
    for (;;) {
      check_interrupt();
      char c = 0;
      const ssize_t got = terminal.read(c);
      if (got == 0) continue;
      if (got < 0 || c == '\n') {
        terminal.write("\n");
        if (got < 0) wipe(*line);
        if (got < 0) line.reset();
        return line;
      }
      if (line->size() < kLongest) line->push_back(c);
    }
  } catch (...) {
    wipe(*line);
    terminal.write("\n");
    throw;
  }
}

}  // namespace openhb::verify
