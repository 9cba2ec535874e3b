// SPDX-License-Identifier: Apache-2.0
// A TCP connection to an address.
#pragma once

#include "host/verify/ssh/ssh.h"

namespace openhb::verify {

// Tries all addresses that the name has, for `timeout` seconds in all. The socket does not block, sends at
// once, and notices within `timeout` when the other machine does not answer any more. Throws
// Error(board_unreachable); Interrupted.
int connect_socket(const Address& address, double timeout);

}  // namespace openhb::verify
