// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <utility>

#include "host/compiler/stages.h"
#include "host/report/provenance.h"

namespace openhb::compiler {

void record_inputs(Conversion& c) {
  std::vector<report::File>& files = c.report.inputs;
  for (const auto& [role, path] : {std::pair("model", c.config.onnx_model),
                                   {"structure of the model", c.config.prototxt},
                                   {"weights of the model", c.config.caffe_model}})
    if (std::error_code ignored; std::filesystem::exists(path, ignored))
      files.push_back(report::hash_file(role, path));
  if (!c.dataset || c.dataset->is_random()) return;
  for (size_t i = 0; i < c.config.inputs.size(); ++i) {
    std::vector<std::string> paths;
    for (size_t s = 0; s < c.dataset->size(); ++s) paths.push_back(c.dataset->path(s, i));
    files.push_back(report::hash_files(fmt::format("calibration data of '{}'", c.config.inputs[i].name),
                                       c.config.inputs[i].cal_dir, paths));
  }
}

}  // namespace openhb::compiler
