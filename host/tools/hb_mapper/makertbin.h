// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace openhb::tools {

struct MakertbinOptions {
  std::string config, model_type, json, working_dir, memory_limit;
  int threads = 0;  // 0: all processors
  bool print_template = false;
  bool verbose = false, quiet = false;
};

// Converts as the configuration says; returns the exit status. Throws Error.
int makertbin(const MakertbinOptions& options);

}  // namespace openhb::tools
