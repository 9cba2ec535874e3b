// SPDX-License-Identifier: Apache-2.0
// Shared libraries with plug-ins. Internal to device/plugin.
#pragma once

#include <string>
#include <vector>

#include "device/include/dnn/openhb_plugin.h"

namespace openhb::plugin {

// Opens the library, for good, and gives its checked table, whose operators are not checked yet. Throws
// Error(plugin_load).
const openhb_plugin* open_plugin(const std::string& path);

// The *.so files of folders (separated by ':'), by folder and name. Folders that cannot be read are named in
// `problems`.
std::vector<std::string> list_plugins(const std::string& folders, std::vector<std::string>& problems);

}  // namespace openhb::plugin
