// SPDX-License-Identifier: Apache-2.0
// Names of tensors and layers as names of files, the same for every tool that dumps.
#pragma once

#include <set>
#include <string>

namespace openhb {

// "conv2_1/dw" to "conv2_1_dw". A name that is in `used` already gets a number behind it; the result is added
// to `used`.
std::string file_stem(const std::string& name, std::set<std::string>& used);

}  // namespace openhb
