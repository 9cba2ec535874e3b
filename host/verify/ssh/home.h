// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace openhb::verify {

// $HOME, or what the system has for this user.
std::string home_folder();

}  // namespace openhb::verify
