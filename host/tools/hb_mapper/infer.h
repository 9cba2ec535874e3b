// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace openhb::tools {

struct InferOptions {
  std::string config, model, model_type, input_layout, output_dir, json;
  std::vector<std::pair<std::string, std::string>> files;  // input name, file
  int threads = 0;                                         // 0: all processors
  bool verbose = false, quiet = false;
};

// Runs one of the ONNX files of a conversion on one sample and writes its outputs as float32; returns the
// exit status. Throws Error.
int infer(const InferOptions& options);

}  // namespace openhb::tools
