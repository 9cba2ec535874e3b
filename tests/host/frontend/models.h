// SPDX-License-Identifier: Apache-2.0
// Small ONNX models for tests of the importer. Needs the ONNX headers, as only the ONNX tests do.
#pragma once

#include <onnx/onnx_pb.h>

#include <string>
#include <vector>

#include "host/frontend/onnx/onnx.h"

namespace openhb::test {

inline onnx::ModelProto empty_model(int64_t opset = 13) {
  onnx::ModelProto model;
  model.set_ir_version(7);
  model.add_opset_import()->set_version(opset);
  model.mutable_graph()->set_name("g");
  return model;
}

inline onnx::ValueInfoProto* add_input(onnx::ModelProto& model, const std::string& name,
                                       const std::vector<int64_t>& dims, int32_t type = 1) {
  auto* input = model.mutable_graph()->add_input();
  input->set_name(name);
  auto* tensor = input->mutable_type()->mutable_tensor_type();
  tensor->set_elem_type(type);
  tensor->mutable_shape();
  for (const int64_t d : dims) tensor->mutable_shape()->add_dim()->set_dim_value(d);
  return input;
}

inline void add_output(onnx::ModelProto& model, const std::string& name) {
  auto* output = model.mutable_graph()->add_output();
  output->set_name(name);
  output->mutable_type()->mutable_tensor_type()->set_elem_type(1);
}

inline onnx::NodeProto* add_node(onnx::ModelProto& model, const std::string& op, const std::string& name,
                                 const std::vector<std::string>& inputs,
                                 const std::vector<std::string>& outputs) {
  auto* node = model.mutable_graph()->add_node();
  node->set_op_type(op);
  node->set_name(name);
  for (const auto& input : inputs) node->add_input(input);
  for (const auto& output : outputs) node->add_output(output);
  return node;
}

inline onnx::TensorProto* add_initializer(onnx::ModelProto& model, const std::string& name,
                                          const std::vector<int64_t>& dims, int32_t type = 1) {
  auto* tensor = model.mutable_graph()->add_initializer();
  tensor->set_name(name);
  tensor->set_data_type(type);
  for (const int64_t d : dims) tensor->add_dims(d);
  return tensor;
}

inline onnx::AttributeProto* add_attribute(onnx::NodeProto* node, const std::string& name,
                                           onnx::AttributeProto::AttributeType type) {
  auto* attribute = node->add_attribute();
  attribute->set_name(name);
  attribute->set_type(type);
  return attribute;
}

// x [1, 2] -> Relu "r" -> y
inline onnx::ModelProto relu_model(int64_t opset = 13) {
  onnx::ModelProto model = empty_model(opset);
  add_input(model, "x", {1, 2});
  add_node(model, "Relu", "r", {"x"}, {"y"});
  add_output(model, "y");
  return model;
}

inline graph::Graph import(const onnx::ModelProto& model, const onnx_frontend::ImportOptions& options = {}) {
  return onnx_frontend::import_onnx_bytes(model.SerializeAsString(), "test.onnx", options);
}

}  // namespace openhb::test
