// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace openhb::tools {

struct CheckerOptions {
  std::string model_type, march = "bayes", proto, model, json;
  std::vector<std::pair<std::string, std::string>> input_shapes;  // name, AxBxC
  std::string output;                                             // of older versions; without effect
  bool strict = false, verbose = false, quiet = false;
};

// hb_mapper checker. Returns the exit status: 1 when the model cannot be converted, or, with `strict`, when a
// node runs on the CPU.
int checker(const CheckerOptions& options);

}  // namespace openhb::tools
