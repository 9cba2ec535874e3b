// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "host/compiler/draft.h"

namespace openhb::compiler {

// Steps have no effect but their outputs: those that nobody reads go.
void drop_unread_steps(Draft& draft);

}  // namespace openhb::compiler
