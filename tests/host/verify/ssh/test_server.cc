// SPDX-License-Identifier: Apache-2.0
#define SSH_SUPPRESS_DEPRECATED  // of libssh's two interfaces for servers the older one shows every message
#include "tests/host/verify/ssh/test_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace openhb::verify {

TestServer::TestServer(Manners manners) : manners_(std::move(manners)) {
  ::ssh_pki_generate(SSH_KEYTYPE_ED25519, 0, &key_);
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_, 8) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error("no server on 127.0.0.1");
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { listen(); });
}

TestServer::~TestServer() {
  stop_ = true;
  (void)::shutdown(listener_, SHUT_RDWR);
  thread_.join();
  {
    const std::scoped_lock lock(mutex_);
    for (const int socket : sockets_) (void)::shutdown(socket, SHUT_RDWR);
  }
  for (std::thread& thread : threads_) thread.join();
  for (const int socket : sockets_) ::close(socket);
  ::close(listener_);
  ::ssh_key_free(key_);
}

std::string TestServer::known_hosts_line() const {
  char* text = nullptr;
  ::ssh_pki_export_pubkey_base64(key_, &text);
  std::string line = "[127.0.0.1]:" + std::to_string(port_) + " ssh-ed25519 " + text + "\n";
  ::ssh_string_free_char(text);
  return line;
}

std::vector<std::string> TestServer::heard() {
  const std::scoped_lock lock(mutex_);
  return heard_;
}

void TestServer::note(const char* text) {
  const std::scoped_lock lock(mutex_);
  heard_.push_back(text ? text : "");
}

void TestServer::listen() {
  for (;;) {
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) return;
    const std::scoped_lock lock(mutex_);
    if (stop_) {
      ::close(socket);
      return;
    }
    sockets_.push_back(::dup(socket));  // libssh closes the other one when it likes
    threads_.emplace_back([this, socket] { serve(socket); });
  }
}

void TestServer::serve(int socket) {
  ssh_bind bind = ::ssh_bind_new();
  ssh_session session = ::ssh_new();
  const bool no_config = false;
  ::ssh_bind_options_set(bind, SSH_BIND_OPTIONS_PROCESS_CONFIG, &no_config);
  ssh_key own = ::ssh_key_dup(key_);
  ::ssh_bind_options_set(bind, SSH_BIND_OPTIONS_IMPORT_KEY, own);
  if (::ssh_bind_accept_fd(bind, session, socket) == SSH_OK && ::ssh_handle_key_exchange(session) == SSH_OK) {
    size_t round = 0;
    ssh_channel channel = nullptr;
    while (ssh_message message = ::ssh_message_get(session)) {
      const bool good = answer(session, message, round, channel);
      ::ssh_message_free(message);
      if (!good) break;
    }
  }
  ::ssh_free(session);
  ::ssh_bind_free(bind);
}

bool TestServer::answer(ssh_session session, ssh_message message, size_t& round, ssh_channel& channel) {
  const int type = ::ssh_message_type(message), subtype = ::ssh_message_subtype(message);
  if (type == SSH_REQUEST_AUTH) {
    if (!manners_.ignore_login || subtype == SSH_AUTH_METHOD_NONE) log_in(session, message, round);
    return true;
  }
  if (type == SSH_REQUEST_CHANNEL_OPEN && !manners_.deny_channels) {
    if (!manners_.ignore_channels) channel = ::ssh_message_channel_request_open_reply_accept(message);
    return true;
  }
  if (type == SSH_REQUEST_CHANNEL && subtype == SSH_CHANNEL_REQUEST_EXEC && manners_.command) {
    const std::string command = ::ssh_message_channel_request_command(message);
    if (command == "refused") return ::ssh_message_reply_default(message) == SSH_OK;
    ::ssh_message_channel_request_reply_success(message);
    manners_.command(session, channel, command);
    return ::ssh_is_connected(session) != 0;
  }
  ::ssh_message_reply_default(message);
  return true;
}

void TestServer::log_in(ssh_session session, ssh_message message, size_t& round) {
  const int subtype = ::ssh_message_subtype(message);
  ::ssh_message_auth_set_methods(message, manners_.methods);
  if (subtype == SSH_AUTH_METHOD_PASSWORD && (manners_.methods & subtype) != 0) {
    const std::string password = ::ssh_message_auth_password(message);
    note(password.c_str());
    if (password == manners_.password) {
      if (manners_.after_password) {
        manners_.methods = manners_.after_password;
        ::ssh_message_auth_set_methods(message, manners_.methods);
      }
      ::ssh_message_auth_reply_success(message, manners_.after_password != 0);
      return;
    }
  }
  if (subtype == SSH_AUTH_METHOD_INTERACTIVE && (manners_.methods & subtype) != 0) {
    if (!::ssh_message_auth_kbdint_is_response(message)) return ask(message, round = 0);
    bool good = true;
    const std::vector<Question>& questions = manners_.rounds[round];
    for (size_t i = 0; i < questions.size(); i++) {
      const char* text = ::ssh_userauth_kbdint_getanswer(session, static_cast<unsigned>(i));
      note(text);
      good = good && text && text == questions[i].answer;
    }
    if (manners_.endless_rounds) return ask(message, round);
    if (good && ++round < manners_.rounds.size()) return ask(message, round);
    if (good) {
      ::ssh_message_auth_reply_success(message, 0);
      return;
    }
  }
  ::ssh_message_reply_default(message);
}

void TestServer::ask(ssh_message message, size_t round) {
  std::vector<const char*> prompts;
  std::string echo;
  for (const Question& question : manners_.rounds[round]) {
    prompts.push_back(question.prompt.c_str());
    echo += static_cast<char>(question.echo);
  }
  ::ssh_message_auth_interactive_request(message, "name", "instruction",
                                         static_cast<unsigned>(prompts.size()), prompts.data(), echo.data());
}

void finish_command(ssh_channel channel, const std::string& out, int status) {
  ::ssh_channel_write(channel, out.data(), static_cast<uint32_t>(out.size()));
  ::ssh_channel_send_eof(channel);
  ::ssh_channel_request_send_exit_status(channel, status);
  ::ssh_channel_close(channel);
}

}  // namespace openhb::verify
