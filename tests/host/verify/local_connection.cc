// SPDX-License-Identifier: Apache-2.0
#include "tests/host/verify/local_connection.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>

#include "common/error.h"
#include "common/io/interrupt.h"

namespace openhb::testing {
namespace {

using Clock = std::chrono::steady_clock;
constexpr size_t kKeptOutput = size_t{64} << 20, kKeptErrors = 64 << 10;

void close_end(int& fd) {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

std::string signal_name(int number) {
  const char* name = sigabbrev_np(number);
  return name ? name : std::to_string(number);
}

}  // namespace

std::vector<std::string> LocalFaults::commands() const {
  const std::lock_guard lock(mutex_);
  return commands_;
}

void LocalFaults::add_command(const std::string& command) {
  const std::lock_guard lock(mutex_);
  commands_.push_back(command);
}

// A child process with our ends of its pipes.
struct LocalConnection::Child {
  pid_t pid = -1;
  int in = -1, out = -1, err = -1;
  ~Child() {
    for (int* fd : {&in, &out, &err}) close_end(*fd);
  }
};

struct LocalConnection::Held {
  Child child;
  std::mutex mutex;  // of child.in
  std::atomic<bool> stop{false};
  std::thread beats;

  void close_input() {
    const std::lock_guard lock(mutex);
    close_end(child.in);
  }
};

void LocalConnection::start(Child& child, const std::string& command) const {
  std::array<std::array<int, 2>, 3> pipes;
  for (auto& ends : pipes)
    if (pipe2(ends.data(), O_CLOEXEC) != 0) fail(ErrorCode::resources, "pipe: {}", std::strerror(errno));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipes[0][0], 0);
  posix_spawn_file_actions_adddup2(&actions, pipes[1][1], 1);
  posix_spawn_file_actions_adddup2(&actions, pipes[2][1], 2);
  posix_spawn_file_actions_addchdir_np(&actions, setup_.folder.c_str());
  std::vector<std::string> words = setup_.shell, settings;
  words.push_back(command);
  for (const auto& [key, value] : setup_.environment) settings.push_back(key + "=" + value);
  std::vector<char*> argv, envp;
  for (std::string& word : words) argv.push_back(word.data());
  for (std::string& setting : settings) envp.push_back(setting.data());
  argv.push_back(nullptr);
  envp.push_back(nullptr);
  const int error = posix_spawnp(&child.pid, argv[0], &actions, nullptr, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&actions);
  child.in = pipes[0][1], child.out = pipes[1][0], child.err = pipes[2][0];
  ::close(pipes[0][0]), ::close(pipes[1][1]), ::close(pipes[2][1]);
  for (const int fd : {child.in, child.out, child.err}) fcntl(fd, F_SETFL, O_NONBLOCK);
  if (error != 0) fail(ErrorCode::resources, "cannot start {}: {}", words[0], std::strerror(error));
}

LocalConnection::LocalConnection(LocalSetup setup, std::shared_ptr<LocalFaults> faults)
    : setup_(std::move(setup)), faults_(faults ? std::move(faults) : std::make_shared<LocalFaults>()) {
  std::signal(SIGPIPE, SIG_IGN);
}

LocalConnection::~LocalConnection() {
  if (!held_) return;
  held_->stop = true;
  if (held_->beats.joinable()) held_->beats.join();  // not when hold() failed
  close_end(held_->child.in);
  if (held_->child.pid > 0) waitpid(held_->child.pid, nullptr, 0);
}

void LocalConnection::lose() {
  lost_ = true;
  if (held_ && !faults_->silent) held_->close_input();
  fail(ErrorCode::board_lost, "the connection to local is gone");
}

verify::CommandResult LocalConnection::run(const std::string& command,
                                           const verify::CommandOptions& options) {
  if (lost_) lose();
  if (command != ":") faults_->add_command(command);
  Child child;
  start(child, command);
  verify::CommandResult result;
  std::span<const std::byte> input = options.input;
  uint64_t sent = 0, received = 0;
  const auto stop = [&] {
    kill(child.pid, SIGTERM);
    for (int* fd : {&child.in, &child.out, &child.err}) close_end(*fd);
    waitpid(child.pid, nullptr, faults_->silent ? WNOHANG : 0);
  };
  const auto begin = Clock::now();
  auto moved = begin;
  const auto seconds = [](Clock::time_point since) {
    return std::chrono::duration<double>(Clock::now() - since).count();
  };
  try {
    if (faults_->cut_at_command && (*faults_->cut_at_command)-- == 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(300));
      faults_->cut_at_command.reset();
      for (int* fd : {&child.in, &child.out, &child.err}) close_end(*fd);
      if (!faults_->silent && held_) held_->close_input();
      lost_ = true;
      waitpid(child.pid, nullptr, faults_->silent ? WNOHANG : 0);
      fail(ErrorCode::board_lost, "the connection to local is gone");
    }
    if (input.empty()) close_end(child.in);
    while (child.out >= 0 || child.err >= 0) {
      check_interrupt();
      if (options.limit > 0 ? seconds(begin) > options.limit : seconds(moved) > setup_.timeout)
        fail(ErrorCode::board_timeout, "no end after {:.0f} s", seconds(begin));
      std::array<pollfd, 3> fds = {pollfd{child.in, POLLOUT, 0}, pollfd{child.out, POLLIN, 0},
                                   pollfd{child.err, POLLIN, 0}};
      poll(fds.data(), fds.size(), 50);
      if (child.in >= 0 && fds[0].revents) {
        size_t most = std::min<size_t>(input.size(), 1 << 16);
        if (faults_->cut_after)
          most = std::min<size_t>(most, *faults_->cut_after - std::min(*faults_->cut_after, sent));
        const ssize_t n = ::write(child.in, input.data(), most);
        if (n > 0)
          input = input.subspan(static_cast<size_t>(n)), sent += static_cast<uint64_t>(n),
          moved = Clock::now();
        if (faults_->cut_after && sent >= *faults_->cut_after) {
          stop();
          lose();
        }
        if (input.empty() || (n < 0 && errno != EAGAIN)) close_end(child.in);
        if (options.progress) options.progress(sent, received);
      }
      std::array<std::byte, 1 << 16> buffer;
      for (int* fd : {&child.out, &child.err}) {
        if (*fd < 0) continue;
        const ssize_t n = ::read(*fd, buffer.data(), buffer.size());
        if (n == 0 || (n < 0 && errno != EAGAIN)) close_end(*fd);
        if (n <= 0) continue;
        moved = Clock::now();
        const std::span<const std::byte> bytes(buffer.data(), static_cast<size_t>(n));
        const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        received += bytes.size();
        if (fd == &child.err) {
          result.err += text;
          if (result.err.size() > kKeptErrors) result.err.erase(0, result.err.size() - kKeptErrors);
        } else if (options.sink) {
          options.sink(bytes);
        } else {
          result.out += text;
          if (result.out.size() > kKeptOutput) fail(ErrorCode::board_command, "the answer has no end");
        }
        if (options.progress) options.progress(sent, received);
      }
    }
  } catch (...) {
    sent_ += sent, received_ += received;
    if (child.out >= 0 || child.err >= 0) stop();
    throw;
  }
  sent_ += sent, received_ += received;
  int status = 0;
  waitpid(child.pid, &status, 0);
  if (WIFSIGNALED(status))
    result.signal = signal_name(WTERMSIG(status));
  else
    result.status = WEXITSTATUS(status);
  return result;
}

std::string LocalConnection::hold(const std::string& command, double interval) {
  held_ = std::make_unique<Held>();
  start(held_->child, command);
  std::string line;
  const auto begin = Clock::now();
  for (char c = 0; c != '\n';) {
    const ssize_t n = ::read(held_->child.out, &c, 1);
    if (n == 1 && c != '\n') line += c;
    if (n == 0) break;
    if (n < 0) {
      pollfd fd{held_->child.out, POLLIN, 0};
      poll(&fd, 1, 100);
    }
    if (Clock::now() - begin > std::chrono::duration<double>(setup_.timeout))
      fail(ErrorCode::board_timeout, "no answer after {} s", setup_.timeout);
  }
  held_->beats = std::thread([this, interval] {
    auto next = Clock::now();
    while (!held_->stop) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      if (Clock::now() < next || lost_) continue;
      next =
          Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(interval));
      const std::lock_guard lock(held_->mutex);
      if (::write(held_->child.in, "\n", 1) < 0 && errno != EAGAIN) return;
    }
  });
  return line;
}

}  // namespace openhb::testing
