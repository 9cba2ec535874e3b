// SPDX-License-Identifier: Apache-2.0
#include "device/tools/model_exec/models.h"

#include <set>

#include "common/text/text.h"

namespace openhb::model_exec {

std::vector<ModelPtr> load_models(const Options& options) {
  std::vector<ModelPtr> models;
  std::set<std::string> names;
  for (const std::string& path : split(options.model_file, ',')) {
    models.push_back(engine::Model::open(path));
    if (!names.insert(models.back()->program().name).second)
      fail(ErrorCode::usage, "two of the files hold a model named '{}'", models.back()->program().name);
  }
  if (models.empty()) fail(ErrorCode::usage, "--model_file names no file");
  return models;
}

ModelPtr select_model(const std::vector<ModelPtr>& models, const std::string& name) {
  std::vector<std::string> names;
  for (const ModelPtr& model : models) {
    if (model->program().name == name || (name.empty() && models.size() == 1)) return model;
    names.push_back(model->program().name);
  }
  if (name.empty())
    fail(ErrorCode::usage, "the files hold {} models ({}); choose one with --model_name", names.size(),
         fmt::join(names, ", "));
  fail(ErrorCode::usage, "there is no model '{}' in the files; they hold: {}.{}", name,
       fmt::join(names, ", "), suggestion(name, names));
}

}  // namespace openhb::model_exec
