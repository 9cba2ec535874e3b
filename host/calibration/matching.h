// SPDX-License-Identifier: Apache-2.0
// Which files of several folders belong to one sample.
#pragma once

#include <string>
#include <vector>

namespace openhb::calibration {

// Puts `files` into the order of `first`: files of the same name, apart from suffix and leading zeros of
// numbers, belong together. When names do not decide that, the order stays, and the sentence returned says
// how files are paired; else it is empty. Both lists have the same length.
std::string match_files(const std::vector<std::string>& first, std::vector<std::string>& files);

}  // namespace openhb::calibration
