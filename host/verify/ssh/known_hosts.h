// SPDX-License-Identifier: Apache-2.0
// The file of host keys that OpenSSH keeps, too: lines "names type key".
#pragma once

#include <string>
#include <vector>

#include "host/verify/ssh/session.h"

namespace openhb::verify {

struct KnownKey {
  size_t line = 0;  // from 1
  Key key;
  bool revoked = false;  // "@revoked": never to be accepted
};

// As the file names it: "10.0.0.2", "[board.local]:2222", in lower case.
std::string known_hosts_name(const Address& address);

// Lines for `name`, plain, hashed or with wildcards, whose type of key libssh knows. A missing file has none.
// Throws Error(file_unreadable).
std::vector<KnownKey> known_keys(const std::string& file, const std::string& name);

// Adds a line, whole or not at all, and makes the file (for its owner only) if there is none. Throws
// Error(file_unwritable).
void add_known_key(const std::string& file, const std::string& name, ssh_key key);

// "ED25519 SHA256:...", as ssh-keygen -l prints it.
std::string fingerprint(ssh_key key);

}  // namespace openhb::verify
