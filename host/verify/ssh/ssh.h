// SPDX-License-Identifier: Apache-2.0
// Connections over SSH (libssh).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "host/verify/connection.h"

namespace openhb::verify {

struct Address {
  std::string host;  // a name, IPv4 or IPv6 address
  int port = 22;
  std::string text() const;  // "host", "host:port", "[v6]:port"
};
// "10.0.0.2", "board.local:2222", "fe80::1", "[fe80::1%eth0]:2222". Throws Error(usage).
Address parse_address(const std::string& text);

struct Login {
  std::string user = "root";
  std::optional<std::string> password;  // from the option or the environment; never printed
  // Asked for when the server wants one and there is none; null: nobody to ask. nullopt: the user gave up.
  std::function<std::optional<std::string>(const std::string& prompt)> ask_password;
  std::string key_file;         // "": the usual files in ~/.ssh, and the agent
  std::string known_hosts;      // "": ~/.ssh/known_hosts
  bool accept_new_key = false;  // add an unknown host's key to that file; a changed one is refused always
  double timeout = 20;          // seconds, of everything that makes no progress
  std::function<void(const std::string& sentence)> notice;  // "added the key of ..."; null: nobody
};

// Connects, checks the host's key, logs in. The user's and the system's SSH configuration are not read.
// Throws Error: board_unreachable (name unknown, refused, no answer in time), board_host_key (unknown: with
// the key's fingerprint; changed), board_login (refused: with the methods that the server offers and what was
// tried), board_timeout (no answer to the login), board_lost, file_unreadable and file_unwritable
// (known_hosts); Interrupted.
std::unique_ptr<Connection> connect_ssh(const Address& address, const Login& login);

// A prompt on the terminal without echo; nullopt when there is no terminal or the user ended the input.
// Callers in several threads take turns.
std::optional<std::string> ask_on_terminal(const std::string& prompt);

}  // namespace openhb::verify
