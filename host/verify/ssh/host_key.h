// SPDX-License-Identifier: Apache-2.0
// Is it the board that it was?
#pragma once

#include "host/verify/ssh/known_hosts.h"

namespace openhb::verify {

std::string known_hosts_file(const Login& login);

// Host key algorithms to ask for, those of known keys first: a server with several keys shows the known one.
std::string host_key_algorithms(const std::vector<KnownKey>& known);

// Throws Error(board_host_key), unless the key that the server showed is known, or is unknown and
// login.accept_new_key adds it to the file.
void check_host_key(Session& session, const Address& address, const Login& login,
                    const std::vector<KnownKey>& known);

}  // namespace openhb::verify
