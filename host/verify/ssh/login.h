// SPDX-License-Identifier: Apache-2.0
// Who is it that comes: keys, the agent, passwords.
#pragma once

#include "host/verify/ssh/session.h"

namespace openhb::verify {

// Logs in with what there is: what the user named first (key file, password), then the agent, the usual key
// files, and at last a password that is asked for. Throws Error: board_login with everything tried and what
// the server offers, board_timeout, board_lost; Interrupted.
void log_in(Session& session, const Address& address, const Login& login);

}  // namespace openhb::verify
