// SPDX-License-Identifier: Apache-2.0
#include "host/compiler/inputs.h"

#include <algorithm>

#include "common/text/text.h"
#include "host/config/inputs.h"

namespace openhb::compiler {
namespace {

void check_source(const config::Config& config) {
  std::vector<std::string> names;
  for (const auto& input : config.inputs) names.push_back(input.name);
  for (const auto& [name, source] : config.input_sources)
    if (std::ranges::find(names, name) == names.end())
      fail(ErrorCode::config_bad_value, "input_source: '{}' is no input of the model; its inputs are: {}.{}",
           name, fmt::join(names, "; "), suggestion(name, names));
}

}  // namespace

void settle_inputs(config::Config& config, const graph::Graph& graph) {
  for (size_t i = 0; i < config.inputs.size(); ++i) {
    config::InputConfig& input = config.inputs[i];
    const Shape& shape = graph.inputs[i]->shape;
    if (shape.size() != 4) input.nhwc_rt = input.nhwc_train;
    const bool own = input.kind_rt == InputKind::nv12 && graph.find_node("HZ_PREPROCESS_FOR_" + input.name);
    if (own && shape.size() == 4 && shape[3] == 3 && shape[1] != 3) input.nhwc_train = true;
  }
}

std::vector<std::string> check_inputs(const config::Config& config, const graph::Graph& graph) {
  check_source(config);
  std::vector<std::string> notes;
  for (size_t i = 0; i < config.inputs.size(); ++i) {
    const config::InputConfig& input = config.inputs[i];
    const graph::Value& value = *graph.inputs[i];
    if (const std::string wrong = config::wrong_shape(input, value.shape); !wrong.empty())
      fail(ErrorCode::config_bad_value, "input '{}' of the model: {}", value.name, wrong);
    if (config.input_batch > 1 && (value.shape.empty() || value.shape[0] != 1))
      fail(ErrorCode::config_bad_value,
           "input_batch {} needs inputs whose first dimension is 1, but input '{}' has shape {}; give "
           "input_shape, "
           "or export the model for one sample",
           config.input_batch, value.name, to_string(value.shape));
    if (input.idle_layout_rt)
      notes.push_back(fmt::format(
          "input_layout_rt of input '{}' has no effect: the bytes of nv12 have one order only", value.name));
  }
  return notes;
}

std::vector<std::string> pictures(const config::Config& config) {
  std::vector<std::string> names;
  for (const auto& input : config.inputs)
    if (input.kind_rt != InputKind::featuremap) names.push_back(input.name);
  return names;
}

std::vector<std::string> nhwc_pictures(const config::Config& config) {
  std::vector<std::string> names;
  for (const auto& input : config.inputs)
    if (input.kind_rt == InputKind::nv12 && !input.nhwc_train) names.push_back(input.name);
  return names;
}

std::map<std::string, LowerOptions::ImageInput> program_inputs(const config::Config& config) {
  std::map<std::string, LowerOptions::ImageInput> inputs;
  for (const auto& input : config.inputs)
    if (input.kind_rt != InputKind::featuremap || input.nhwc_rt != input.nhwc_train)
      inputs[input.name] = {input.kind_rt, input.nhwc_rt, input.nhwc_train};
  return inputs;
}

void describe_inputs(const config::Config& config, Program& program) {
  for (ProgramInput& in : program.inputs)
    for (const auto& input : config.inputs) {
      if (input.name != in.name) continue;
      in.source = config::source_of(config, input);
      in.bt601_video = input.bt601_video;
      if (program.tensors[in.tensor].rank() == 4) in.nhwc = input.nhwc_rt;
    }
}

}  // namespace openhb::compiler
