// SPDX-License-Identifier: Apache-2.0
#include "device/tools/model_exec/bin_dump.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "device/dnn/dump.h"
#include "device/tools/model_exec/inputs.h"
#include "device/tools/model_exec/intermediate.h"

namespace openhb::model_exec {
namespace {

void require_folder(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return;
  const bool exists = std::filesystem::exists(path, error);
  fail(exists ? ErrorCode::file_unwritable : ErrorCode::file_missing, "--conv_dump_path: '{}' {}", path,
       exists ? "is not a folder" : "does not exist; make the folder first");
}

}  // namespace

void bin_dump(const Options& options, const Package& package, std::FILE* out, nlohmann::ordered_json* json) {
  fmt::print(out, "hbDNNGetModelNameList success\n");
  const ModelHandle model = package.select(options.model_name);
  fmt::print(out, "get model handle success\nget model input count success\n");
  // Before the work, so that a wrong path is told at once.
  require_folder(options.conv_dump_path);
  dnn::ConvMap map = dnn::ConvMap::read(options.conv_mapping_file);
  map.outputs_of(model.program->program());
  fmt::print(out, "prepare input tensor success!\n");
  LoadedFrame loaded = load_frame(options, model, out);
  fmt::print(out, "get model output count success\nprepare output tensor success\n");
  const auto dumper = std::make_shared<dnn::ConvDumper>(std::move(map), options.conv_dump_path);
  run_observed(dumper, model, loaded.frame, options.core_id);
  fmt::print(out, "infer success\ntask done\n");
  if (json)
    *json = {{"mode", "hrt_bin_dump"},
             {"model", model.name},
             {"folder", options.conv_dump_path},
             {"dump", nlohmann::ordered_json::parse(dumper->index().json(model.name))}};
}

}  // namespace openhb::model_exec
