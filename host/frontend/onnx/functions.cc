// SPDX-License-Identifier: Apache-2.0
#include "host/frontend/onnx/functions.h"

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <array>
#include <span>

#include "common/error.h"

namespace openhb::onnx_frontend {
namespace {

constexpr int64_t kPerAxisOpset = 13;  // since when QuantizeLinear and DequantizeLinear have `axis`

struct BodyNode {
  std::string_view op;
  std::array<std::string_view, 3> inputs;
  std::string_view output;
  std::string_view attribute;  // passed on from the function's attribute of the same name, or ""
  onnx::AttributeProto::AttributeType type;
  int64_t attribute_opset;  // the operator has it since
};

struct Definition {
  std::string_view op;
  std::string_view doc;
  std::array<std::string_view, 3> inputs;
  std::string_view output;
  std::span<const std::string_view> attributes;
  std::span<const BodyNode> body;
};

constexpr BodyNode kPreprocessBody[] = {
    {"Conv", {"x", "w", "b"}, "y", "", onnx::AttributeProto::UNDEFINED, 1},
};

constexpr BodyNode kCalibrationBody[] = {
    {"QuantizeLinear", {"x", "scale", "zero_point"}, "q", "axis", onnx::AttributeProto::INT, kPerAxisOpset},
    {"DequantizeLinear", {"q", "scale", "zero_point"}, "y", "axis", onnx::AttributeProto::INT, kPerAxisOpset},
};

// The others only inform: scale and zero point were made from them. Whoever continues from an edited model
// sees by `calibrated` (of an activation: range, scale, zero point; of weights: scales) what was edited.
constexpr std::string_view kCalibrationAttributes[] = {"axis", "calibrated", "qtype", "thresholds"};
// They only inform: what the input holds (such as RGB_128) and its layout.
constexpr std::string_view kPreprocessAttributes[] = {"input_type", "data_format"};

constexpr Definition kDefinitions[] = {
    {"HzPreprocess",
     "Colours, mean and scale of the input data as a 1x1 convolution.",
     {"x", "w", "b"},
     "y",
     kPreprocessAttributes,
     kPreprocessBody},
    {"HzCalibration",
     "Rounds to the values that the quantized network can represent.",
     {"x", "scale", "zero_point"},
     "y",
     kCalibrationAttributes,
     kCalibrationBody},
};

}  // namespace

bool is_own_function(std::string_view op) {
  return std::ranges::find(kDefinitions, op, &Definition::op) != std::end(kDefinitions);
}

bool is_own_operator(std::string_view op) {
  constexpr std::string_view kOperators[] = {"DetectionOutput", "PSROIPooling"};
  return std::ranges::find(kOperators, op) != std::end(kOperators);
}

void define_function(std::string_view op, int64_t opset, onnx::FunctionProto& function) {
  const auto* definition = std::ranges::find(kDefinitions, op, &Definition::op);
  if (definition == std::end(kDefinitions)) fail(ErrorCode::internal, "no function {}", op);
  function.set_name(std::string(definition->op));
  function.set_domain(std::string(kOwnDomain));
  function.set_doc_string(std::string(definition->doc));
  for (const auto input : definition->inputs) function.add_input(std::string(input));
  function.add_output(std::string(definition->output));
  for (const auto attribute : definition->attributes) function.add_attribute(std::string(attribute));
  for (const BodyNode& body : definition->body) {
    onnx::NodeProto& node = *function.add_node();
    node.set_op_type(std::string(body.op));
    for (const auto input : body.inputs) node.add_input(std::string(input));
    node.add_output(std::string(body.output));
    if (body.attribute.empty() || opset < body.attribute_opset) continue;
    onnx::AttributeProto& attribute = *node.add_attribute();
    attribute.set_name(std::string(body.attribute));
    attribute.set_ref_attr_name(std::string(body.attribute));
    attribute.set_type(body.type);
  }
  onnx::OperatorSetIdProto& import = *function.add_opset_import();
  import.set_domain("");
  import.set_version(opset);
}

}  // namespace openhb::onnx_frontend
