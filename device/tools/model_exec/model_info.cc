// SPDX-License-Identifier: Apache-2.0
#include "device/tools/model_exec/model_info.h"

#include <nlohmann/json.hpp>

namespace openhb::model_exec {
namespace {

using nlohmann::ordered_json;

constexpr std::string_view kRule = "---------------------------------------------------------------------\n";

template <class Numbers>
std::string number_list(const Numbers& numbers) {
  std::string text = "(";
  for (const auto n : numbers) text += fmt::format("{},", n);
  return text + ")";
}

std::vector<int32_t> strides_of(const hbDNNTensorProperties& p) {
  return {p.stride, p.stride + p.validShape.numDimensions};
}

std::string describe_scales(const hbDNNTensorProperties& p) {
  std::string text;
  if (p.quantiType == SHIFT)
    text = fmt::format("shift data: {},\n",
                       fmt::join(p.shift.shiftData, p.shift.shiftData + p.shift.shiftLen, ","));
  else if (p.quantiType == SCALE)
    text = fmt::format(
        "scale data: {},\nzero point data: {},\n",
        fmt::join(p.scale.scaleData, p.scale.scaleData + p.scale.scaleLen, ","),
        fmt::join(std::vector<int>(p.scale.zeroPointData, p.scale.zeroPointData + p.scale.zeroPointLen),
                  ","));
  return text.empty() ? text : text + fmt::format("quantizeAxis: {}\n", p.quantizeAxis);
}

std::string describe(const Port& port, bool input) {
  const hbDNNTensorProperties& p = port.properties;
  std::string text = fmt::format("name: {}\n", port.name);
  if (input) text += fmt::format("input source: {}\n", source_name(port.source));
  text += fmt::format("valid shape: {}\naligned shape: {}\naligned byte size: {}\n",
                      number_list(shape_of(p.validShape)), number_list(shape_of(p.alignedShape)),
                      p.alignedByteSize);
  text += fmt::format("tensor type: {}\ntensor layout: {}\nquanti type: {}\nstride: {}\n",
                      tensor_type_name(p.tensorType), layout_name(p.tensorLayout),
                      quanti_type_name(p.quantiType), number_list(strides_of(p)));
  return text + describe_scales(p);
}

ordered_json as_json(const Port& port, bool input) {
  const hbDNNTensorProperties& p = port.properties;
  ordered_json json = {{"name", port.name}};
  if (input) json["input_source"] = source_name(port.source);
  json.update({{"valid_shape", shape_of(p.validShape)},
               {"aligned_shape", shape_of(p.alignedShape)},
               {"aligned_byte_size", p.alignedByteSize},
               {"tensor_type", tensor_type_name(p.tensorType)},
               {"tensor_layout", layout_name(p.tensorLayout)},
               {"quanti_type", quanti_type_name(p.quantiType)},
               {"stride", strides_of(p)}});
  if (p.quantiType == SCALE) {
    json["scale_data"] = std::vector<float>(p.scale.scaleData, p.scale.scaleData + p.scale.scaleLen);
    json["zero_point_data"] =
        std::vector<int>(p.scale.zeroPointData, p.scale.zeroPointData + p.scale.zeroPointLen);
    json["quantize_axis"] = p.quantizeAxis;
  }
  return json;
}

ordered_json as_json(const ModelHandle& model) {
  ordered_json json = {
      {"name", model.name}, {"inputs", ordered_json::array()}, {"outputs", ordered_json::array()}};
  for (const Port& port : model.inputs) json["inputs"].push_back(as_json(port, true));
  for (const Port& port : model.outputs) json["outputs"].push_back(as_json(port, false));
  return json;
}

}  // namespace

std::string model_info(const Package& package, const std::string& name, ordered_json* json) {
  std::string text = fmt::format("This model file has {} model:\n[{}]\n", package.names().size(),
                                 fmt::join(package.names(), "] ["));
  for (const std::string& shown : name.empty() ? package.names() : std::vector{name}) {
    const ModelHandle model = package.select(shown);
    text += std::string(kRule) + "[model name]: " + model.name + "\n";
    for (size_t i = 0; i < model.inputs.size(); ++i)
      text += fmt::format("\ninput[{}]:\n{}", i, describe(model.inputs[i], true));
    for (size_t i = 0; i < model.outputs.size(); ++i)
      text += fmt::format("\noutput[{}]:\n{}", i, describe(model.outputs[i], false));
    if (json) (*json)["models"].push_back(as_json(model));
  }
  return text + std::string(kRule) + "hbDNNRelease success!\n";
}

}  // namespace openhb::model_exec
