// SPDX-License-Identifier: Apache-2.0
// The folder of one run on the board, and the script there that owns it.
#pragma once

#include <string>

#include "host/verify/connection.h"

namespace openhb::verify {

struct Lease {
  std::string base;    // <folder>/.openhb
  std::string folder;  // <base>/run-<id>
  std::string id;
  std::string cache() const { return base + "/cache"; }
  // What a command starts with that works in the folder; the script stops what has it as current folder.
  std::string enter() const;
};

// Starts the script with Connection::hold. It removes folders whose script is gone, makes a new one, and when
// the connection ends or says nothing for twice `pause` seconds, stops every process with the folder's mark
// and removes the folder, and .openhb, too, when the cache is empty. Throws Error: board_storage;
// board_unsuitable (something else answers).
Lease take_lease(Connection& connection, const std::string& place, double pause);

}  // namespace openhb::verify
