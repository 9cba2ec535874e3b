// SPDX-License-Identifier: Apache-2.0
// Keys of the user in files.
#pragma once

#include <string>
#include <vector>

#include "host/verify/ssh/session.h"

namespace openhb::verify {

// Those of id_ed25519, id_ecdsa and id_rsa that are in ~/.ssh.
std::vector<std::string> usual_key_files();

// Of `file`.pub, or of the private key where that shows it without its passphrase; null: neither.
Key public_half(const std::string& file);

// A passphrase is asked for up to three times. Null: `why` tells why not. Throws Interrupted.
Key private_key(const std::string& file, const Login& login, std::string& why);

}  // namespace openhb::verify
