// SPDX-License-Identifier: Apache-2.0
// The custom operators of this process: from plug-ins (device/include/dnn/openhb_plugin.h), found by path,
// and from applications. Operators stay for as long as the process lives. Everything here may be called from
// any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "device/include/dnn/openhb_plugin.h"

namespace openhb::plugin {

// Folders of plug-ins, separated by ':'.
inline constexpr const char* kSearchPath = "HB_DNN_PLUGIN_PATH";

struct Operator {
  openhb_op table;      // fields that the plug-in's table does not have are 0
  const openhb_op* id;  // its own table
  std::string domain, type;
  std::string plugin;  // "hard_mish 1.0", for people
  std::string origin;  // the file, or "the application"
};

// "my.ops::HardMish"; only the type in the standard domain.
std::string full_name(std::string_view domain, std::string_view type);

// Loads one plug-in and adds its operators, all or none; nothing happens when they are there already. Throws
// Error(plugin_load): not a file for this machine, or not a plug-in of a version that fits, or its tables are
// not sound; Error(plugin_conflict): somebody else has brought one of the operators. Gives the operators'
// full names.
std::vector<std::string> load_file(const std::string& path);

// Adds one operator of the application. Throws the same.
void add_operator(const openhb_op* op);

// The operator; nullptr when nobody brings it. What is not known yet is looked for in every *.so, in the
// order of names, of the folders of HB_DNN_PLUGIN_PATH, in their order. Files there that cannot be loaded do
// not matter as long as the operator is found. Throws Error(plugin_conflict) when two of them bring one
// operator.
const Operator* find_operator(std::string_view domain, std::string_view type);

// Why find_operator gives nullptr now, and what to do, as sentences.
std::string why_missing(std::string_view domain, std::string_view type);

}  // namespace openhb::plugin
