// SPDX-License-Identifier: Apache-2.0
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <limits>
#include <set>

#include "common/io/file.h"
#include "host/frontend/onnx/functions.h"
#include "host/frontend/onnx/onnx.h"
#include "host/frontend/onnx/tensors.h"

namespace openhb::onnx_frontend {
namespace {

using graph::Attribute;
using graph::Graph;
using graph::Node;
using graph::Value;
using onnx::AttributeProto;

// The IR version that belongs to an opset (onnx/docs/Versioning.md); never below 4, since initializers are
// not listed as inputs.
int64_t ir_version_of(int64_t opset) {
  constexpr std::pair<int64_t, int64_t> kSince[] = {{21, 10}, {19, 9}, {15, 8}, {12, 7}, {11, 6}, {10, 5}};
  for (const auto& [since, version] : kSince)
    if (opset >= since) return version;
  return 4;
}

void write_attribute(const std::string& name, const Attribute& value, AttributeProto& proto) {
  proto.set_name(name);
  struct Visitor {
    AttributeProto& proto;
    void operator()(int64_t v) const { proto.set_type(AttributeProto::INT), proto.set_i(v); }
    void operator()(float v) const { proto.set_type(AttributeProto::FLOAT), proto.set_f(v); }
    void operator()(const std::string& v) const { proto.set_type(AttributeProto::STRING), proto.set_s(v); }
    void operator()(const std::vector<int64_t>& v) const {
      proto.set_type(AttributeProto::INTS);
      for (const int64_t x : v) proto.add_ints(x);
    }
    void operator()(const std::vector<float>& v) const {
      proto.set_type(AttributeProto::FLOATS);
      for (const float x : v) proto.add_floats(x);
    }
    void operator()(const std::vector<std::string>& v) const {
      proto.set_type(AttributeProto::STRINGS);
      for (const std::string& x : v) proto.add_strings(x);
    }
    void operator()(const Tensor& v) const {
      proto.set_type(AttributeProto::TENSOR);
      export_tensor(v, "", *proto.mutable_t());
    }
    void operator()(const std::shared_ptr<const graph::Subgraph>&) const {
      fail(ErrorCode::internal, "a nested graph was not expanded before writing");
    }
  };
  std::visit(Visitor{proto}, value);
}

enum class UnknownShape { scalar, omit };

// An empty shape is a scalar, or one that nobody has inferred: it is written only where it must be the
// former.
void write_value_info(const Value& value, UnknownShape unknown, onnx::ValueInfoProto& proto) {
  proto.set_name(value.name);
  auto& type = *proto.mutable_type()->mutable_tensor_type();
  type.set_elem_type(export_dtype(value.dtype));
  if (value.shape.empty() && unknown == UnknownShape::omit) return;
  auto& shape = *type.mutable_shape();
  for (const int64_t d : value.shape) shape.add_dim()->set_dim_value(d);
}

void write_node(const Node& node, onnx::NodeProto& proto) {
  proto.set_name(node.name);
  proto.set_op_type(std::string(node.type()));
  if (!node.domain.empty()) proto.set_domain(node.domain);
  size_t count = node.inputs.size();
  while (count > 0 && !node.inputs[count - 1]) --count;
  for (size_t i = 0; i < count; ++i) proto.add_input(node.inputs[i] ? node.inputs[i]->name : "");
  for (const Value* output : node.outputs) proto.add_output(output ? output->name : "");
  for (const auto& [name, value] : node.attributes) write_attribute(name, value, *proto.add_attribute());
}

void write_graph(const Graph& graph, onnx::GraphProto& proto) {
  proto.set_name(graph.name);
  for (const auto& node : graph.nodes()) write_node(*node, *proto.add_node());
  for (const Value* input : graph.inputs) write_value_info(*input, UnknownShape::scalar, *proto.add_input());
  for (const Value* output : graph.outputs)
    write_value_info(*output, output->is_constant() ? UnknownShape::scalar : UnknownShape::omit,
                     *proto.add_output());
  for (const auto& value : graph.values()) {
    if (value->is_constant())
      export_tensor(*value->constant, value->name, *proto.add_initializer());
    else if (value->producer && !value->shape.empty() && !graph.is_output(value.get()))
      write_value_info(*value, UnknownShape::omit, *proto.add_value_info());
  }
}

void write_opset(const std::string& domain, int64_t version, onnx::ModelProto& model) {
  auto& import = *model.add_opset_import();
  import.set_domain(domain);
  import.set_version(version);
}

onnx::ModelProto to_model(const Graph& graph) {
  std::set<std::string> functions;
  std::map<std::string, int64_t> domains;
  for (const auto& node : graph.nodes()) {
    if (node->domain.empty()) continue;
    const auto version = graph.domains.find(node->domain);
    domains[node->domain] = version == graph.domains.end() ? kOwnDomainVersion : version->second;
    if (node->domain == kOwnDomain && !is_own_operator(node->op)) functions.insert(node->op);
  }

  onnx::ModelProto model;
  model.set_ir_version(std::max(
      {graph.ir_version, ir_version_of(graph.opset), functions.empty() ? int64_t{0} : kFunctionIrVersion}));
  model.set_producer_name("openhb");
  write_opset("", graph.opset, model);
  for (const auto& [domain, version] : domains) write_opset(domain, version, model);
  for (const std::string& op : functions) define_function(op, graph.opset, *model.add_functions());
  write_graph(graph, *model.mutable_graph());
  return model;
}

}  // namespace

std::string serialize_onnx(const Graph& graph, const Metadata& metadata) {
  onnx::ModelProto model = to_model(graph);
  for (const auto& [key, value] : metadata) {
    auto& entry = *model.add_metadata_props();
    entry.set_key(key);
    entry.set_value(value);
  }
  const size_t size = model.ByteSizeLong();
  if (size > static_cast<size_t>(std::numeric_limits<int>::max()))
    fail(ErrorCode::file_unwritable,
         "the model cannot be written: an ONNX file ends at 2 GB, and this one has {} bytes", size);
  std::string bytes(size, '\0');
  {
    google::protobuf::io::ArrayOutputStream array(bytes.data(), static_cast<int>(size));
    google::protobuf::io::CodedOutputStream coded(&array);
    coded.SetSerializationDeterministic(true);
    if (!model.SerializeToCodedStream(&coded))
      fail(ErrorCode::internal, "cannot serialize the model '{}'", graph.name);
  }
  return bytes;
}

void export_onnx(const Graph& graph, const std::string& path) {
  write_file_atomically(path, std::string_view(serialize_onnx(graph)));
}

}  // namespace openhb::onnx_frontend
