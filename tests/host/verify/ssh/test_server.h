// SPDX-License-Identifier: Apache-2.0
// An SSH server on 127.0.0.1 for tests: it asks what real servers here cannot, and misbehaves on demand.
#pragma once

#include <libssh/libssh.h>
#include <libssh/server.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace openhb::verify {

struct Question {
  std::string prompt = {}, answer = {};
  bool echo = false;
};

struct Manners {
  int methods = SSH_AUTH_METHOD_PASSWORD;
  std::string password = "right";
  std::vector<std::vector<Question>> rounds = {};  // keyboard-interactive
  int after_password = 0;                          // methods that are still to be used: 0: none
  bool deny_channels = false, ignore_channels = false;
  bool endless_rounds = false, ignore_login = false;
  // What an accepted command does; the channel is closed by it, or never.
  std::function<void(ssh_session, ssh_channel, const std::string&)> command = {};
};

class TestServer {
 public:
  explicit TestServer(Manners manners);
  ~TestServer();
  int port() const { return port_; }
  std::string known_hosts_line() const;
  // Passwords and answers that came, in order.
  std::vector<std::string> heard();

 private:
  void listen();
  void serve(int socket);
  // False: the session is of no use any more.
  bool answer(ssh_session session, ssh_message message, size_t& round, ssh_channel& channel);
  void log_in(ssh_session session, ssh_message message, size_t& round);
  void ask(ssh_message message, size_t round);
  void note(const char* text);

  Manners manners_;
  ssh_key key_ = nullptr;
  int listener_ = -1, port_ = 0;
  std::mutex mutex_;
  std::vector<int> sockets_;
  std::vector<std::string> heard_;
  std::vector<std::thread> threads_;
  std::thread thread_;
  std::atomic<bool> stop_ = false;
};

// Writes, ends and closes as a server does after a program with this status.
void finish_command(ssh_channel channel, const std::string& out, int status);

}  // namespace openhb::verify
