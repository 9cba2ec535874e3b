// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace openhb::tools {

struct MakertbinOptions {
  std::string config, model_type, json, working_dir, memory_limit;
  bool fast_perf = false;  // then without a configuration, but with:
  std::string model, proto, march = "bayes";
  std::vector<std::pair<std::string, std::string>> input_shapes;  // name, AxBxC
  std::string stop_after, resume_from;                            // a stage's name; an ONNX file
  int threads = 0;                                                // 0: all processors
  bool print_template = false;
  bool verbose = false, quiet = false;
};

// Converts as the configuration says; returns the exit status. Throws Error.
int makertbin(const MakertbinOptions& options);

}  // namespace openhb::tools
